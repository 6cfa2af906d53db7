import {
  asList,
  asText,
  asTexts,
  BaseKitError,
  type Blob,
  type Digest,
  type FileEntry,
  member,
  parseJson,
  parseReference,
  printable,
  required,
} from "@base-kit/core";
import { detectCompression } from "@base-kit/store";
import { digestOf, jsonBlob } from "./blob.ts";
import { type Descriptor, parseConfig } from "./documents.ts";
import { readPlace } from "./image-place.ts";
import { LAYER_MEDIA_TYPE, MEDIA_TYPE } from "./media-types.ts";
import { type ArchiveFiles, archiveFiles, blobIn, chunksOf, invalid, openArchivePlace } from "./open-archive.ts";
import { type BlobSource, imagesOf, type ReadImagesOptions, readNode, type StoredNode } from "./read-images.ts";

/** One image of a `manifest.json`: github.com/moby/moby, image/tarexport. */
interface SavedImage {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/**
 * The image of this name in an uncompressed archive of `docker save`, old or new; the name may be left out when there is only
 * one image. Where the archive is an OCI layout too, the image comes from there with its own manifest; else a manifest is
 * made, and the config keeps its bytes, so that the image id stays.
 *
 * @throws BaseKitError `ARCHIVE_INVALID`, `DOCUMENT_INVALID`, `IMAGE_NOT_FOUND` (unsupported), `IMAGE_AMBIGUOUS` (usage),
 *   `BLOB_MISMATCH` (verification)
 */
export async function readDockerArchive(
  file: string,
  wanted: string | undefined,
  options: ReadImagesOptions & { readonly name?: string } = {},
): Promise<StoredNode> {
  const name = options.name ?? `docker-archive:${file}`;
  const files = archiveFiles(file, { name });
  if (!files.has("manifest.json")) return readPlace(await openArchivePlace(file, { name }), wanted, options);
  const saved = choose(await savedImages(files), wanted, name);
  const config = await files.document(saved.config);
  const stored = files.has("index.json") ? await storedAs(file, digestOf(config), { ...options, name }) : undefined;
  return stored ?? readNode(...(await madeFrom(files, saved, config)), options);
}

async function savedImages(files: ArchiveFiles): Promise<readonly SavedImage[]> {
  const document = parseJson(await files.document("manifest.json"), `manifest.json of ${printable(files.name)}`);
  return asList(document, 10_000).map((each) => {
    const names = member(each, "RepoTags");
    return {
      config: asText(required(each, "Config")),
      names: names === undefined ? [] : asTexts(names),
      layers: asTexts(required(each, "Layers"), 1000),
    };
  });
}

function choose(all: readonly SavedImage[], wanted: string | undefined, name: string): SavedImage {
  const matching =
    wanted === undefined ? all : all.filter(({ names }) => names.some((each) => isSameName(each, wanted)));
  const [first, ...others] = [...new Map(matching.map((each) => [each.config, each])).values()];
  const names = all.flatMap((each) => each.names).map(printable);
  if (first === undefined) {
    const what = wanted === undefined ? "an image" : `an image called ${printable(wanted)}`;
    throw new BaseKitError("IMAGE_NOT_FOUND", `${printable(name)} does not hold ${what}`, {
      kind: "unsupported",
      hint: names.length === 0 ? "It holds nothing that has a name." : `It holds ${names.join(", ")}.`,
    });
  }
  if (others.length === 0) return first;
  throw new BaseKitError("IMAGE_AMBIGUOUS", `${printable(name)} holds more than one image`, {
    kind: "usage",
    hint: names.length === 0 ? "None of them has a name." : `Choose one of ${names.join(", ")}.`,
  });
}

/** `debian:12`, `docker.io/library/debian:12` and a tag alone may all mean the same image. */
function isSameName(saved: string, wanted: string): boolean {
  if (saved === wanted) return true;
  try {
    const name = parseReference(saved);
    return name.familiar === parseReference(wanted).familiar || name.tag === wanted;
  } catch {
    return false;
  }
}

/** The node of the layout beside the `manifest.json` that holds this config. */
async function storedAs(
  file: string,
  config: Digest,
  options: ReadImagesOptions & { readonly name: string },
): Promise<StoredNode | undefined> {
  const place = await openArchivePlace(file, { name: options.name });
  for (const each of new Map(place.manifests.map((each) => [each.digest, each])).values()) {
    const node = await readNode(place.source, each, options);
    if (imagesOf(node).some((image) => image.config.digest === config)) return node;
  }
  return undefined;
}

/** A manifest around the files of an archive that has none, and a source that finds them by the digests in it. */
async function madeFrom(
  files: ArchiveFiles,
  saved: SavedImage,
  config: Buffer,
): Promise<readonly [BlobSource, Descriptor]> {
  const { diffIds } = parseConfig(config, `${printable(saved.config)} of ${printable(files.name)}`);
  if (diffIds.length !== saved.layers.length) {
    throw invalid(files.name, `${diffIds.length} layers as in ${printable(saved.config)}`, String(saved.layers.length));
  }
  const blobs = new Map<Digest, Blob>();
  const keep = (blob: Blob): Descriptor => {
    blobs.set(blob.digest, blob);
    return { mediaType: blob.mediaType, digest: blob.digest, size: blob.size };
  };
  const layers = saved.layers.map((path, index) => keep(layerOf(files, path, diffIds[index] as Digest)));
  const configBlob = keep({
    mediaType: MEDIA_TYPE.config,
    digest: digestOf(config),
    size: config.length,
    open: async function* () {
      yield config;
    },
  });
  const manifest = jsonBlob(MEDIA_TYPE.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: configBlob,
    layers,
  });
  const source: BlobSource = { name: files.name, blob: (each) => blobs.get(each.digest) ?? blobIn(files, each) };
  return [source, keep(manifest)];
}

/** An uncompressed layer has its diffID for a digest; a compressed one lies under its own digest. */
function layerOf(files: ArchiveFiles, path: string, diffId: Digest): Blob {
  const entry = files.file(path);
  const compression = compressionOf(entry);
  const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path) ?? [];
  if (compression !== "none" && hex === undefined) {
    throw invalid(files.name, `${printable(path)} to be an uncompressed layer`, compression);
  }
  if (compression !== "none" && compression !== "gzip" && compression !== "zstd") {
    throw invalid(files.name, `${printable(path)} to be compressed with gzip or zstd`, compression);
  }
  return {
    mediaType: LAYER_MEDIA_TYPE[compression],
    digest: compression === "none" ? diffId : `sha256:${hex}`,
    size: entry.size,
    open: () => chunksOf(entry),
  };
}

function compressionOf(entry: FileEntry) {
  for (const chunk of entry.content() as Iterable<Uint8Array>) return detectCompression(chunk);
  return "none";
}
