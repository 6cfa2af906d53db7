import {
  BaseKitError,
  type Blob,
  type Digest,
  type FileEntry,
  type Image,
  type Layer,
  type Platform,
  parsePlatform,
  printable,
  type RuntimeConfig,
} from "@base-kit/core";
import { indexTar } from "@base-kit/tar";
import { LAYER_MEDIA_TYPE, MEDIA_TYPE } from "./media-types.ts";

/**
 * The images of the first name in an OCI or hybrid archive, one per platform, their blobs read from their places in the file. Nothing is checked but what is needed to
 * find the parts; `validateImage` does the rest.
 *
 * @throws BaseKitError `ARCHIVE_INVALID` (unsupported) when parts are missing
 */
export async function openArchive(file: string): Promise<readonly Image[]> {
  const files = new Map<string, FileEntry>();
  for (const entry of indexTar(file)) if (entry.type === "file") files.set(entry.path, entry);
  const blobs: BlobReader = {
    name: file,
    blob: (mediaType, digest, size) => {
      const entry = files.get(`blobs/${digest.replace(":", "/")}`);
      if (entry === undefined) return missing(file, `the blob ${digest}`);
      return { mediaType, digest, size, open: () => chunksOf(entry) };
    },
    text: async (path) => {
      const entry = files.get(path);
      return entry === undefined ? missing(file, path) : readText(chunksOf(entry));
    },
  };
  return imagesFrom(blobs);
}

/** Where an image's parts are read from: an archive or a layout directory. */
export interface BlobReader {
  readonly name: string;
  blob(mediaType: string, digest: Digest, size: number): Blob;
  text(path: string): Promise<string>;
}

export async function imagesFrom(reader: BlobReader): Promise<readonly Image[]> {
  const [first] = parse<Index>(reader, "index.json", await reader.text("index.json")).manifests ?? [];
  if (first === undefined) return missing(reader.name, "a manifest in index.json");
  if (first.mediaType !== MEDIA_TYPE.index) return [await imageFrom(reader, first)];
  const blob = reader.blob(first.mediaType, first.digest, first.size);
  const index = parse<Index>(reader, "the image index", await readText(blob.open()));
  return Promise.all((index.manifests ?? []).map((manifest) => imageFrom(reader, manifest)));
}

async function imageFrom(reader: BlobReader, found: Descriptor): Promise<Image> {
  const manifestBlob = reader.blob(found.mediaType, found.digest, found.size);
  const manifest = parse<Manifest>(reader, "the manifest", await readText(manifestBlob.open()));
  if (manifest.config === undefined || manifest.layers === undefined)
    return missing(reader.name, "config and layers in the manifest");
  const config = reader.blob(manifest.config.mediaType, manifest.config.digest, manifest.config.size);
  const settings = parse<ImageConfig>(reader, "the config", await readText(config.open()));
  const diffIds = settings.rootfs?.diff_ids ?? [];
  const layers = manifest.layers.map((layer, position): Layer => {
    const diffId = diffIds[position];
    const compression = compressionOf(layer.mediaType);
    if (diffId === undefined || compression === undefined)
      return missing(reader.name, `a diffID and known media type for layer ${position}`);
    return { ...reader.blob(layer.mediaType, layer.digest, layer.size), diffId, compression };
  });
  return {
    platform: platformOf(settings),
    config,
    manifest: manifestBlob,
    layers,
    annotations: manifest.annotations ?? {},
    runtime: runtimeOf(settings),
  };
}

interface Index {
  readonly manifests?: readonly Descriptor[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

interface Manifest {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

interface ImageConfig {
  readonly architecture?: string;
  readonly variant?: string;
  readonly rootfs?: { readonly diff_ids?: readonly Digest[] };
  readonly config?: {
    readonly Env?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

function platformOf({ architecture = "", variant }: ImageConfig): Platform {
  return parsePlatform(variant === undefined ? architecture : `${architecture}/${variant}`);
}

function runtimeOf({ config = {} }: ImageConfig): RuntimeConfig {
  const env = Object.fromEntries(
    (config.Env ?? []).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
  return {
    env,
    ...(config.Cmd == null ? {} : { cmd: config.Cmd }),
    ...(config.Entrypoint == null ? {} : { entrypoint: config.Entrypoint }),
    ...(config.User === undefined || config.User === "" ? {} : { user: config.User }),
    ...(config.WorkingDir === undefined || config.WorkingDir === "" ? {} : { workdir: config.WorkingDir }),
    ...(config.Labels == null ? {} : { labels: config.Labels }),
  };
}

function compressionOf(mediaType: string): Layer["compression"] | undefined {
  const known = Object.entries(LAYER_MEDIA_TYPE).find(([, type]) => type === mediaType);
  return known?.[0] as Layer["compression"] | undefined;
}

function parse<T>(reader: BlobReader, what: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    return missing(reader.name, `JSON in ${what}`);
  }
}

async function* chunksOf(entry: FileEntry): AsyncGenerator<Uint8Array, void, void> {
  yield* entry.content();
}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

function missing(name: string, what: string): never {
  throw new BaseKitError(
    "ARCHIVE_INVALID",
    `${printable(name)} is not an image archive that can be read: expected ${what}, found none`,
    {
      kind: "unsupported",
      hint: "An OCI archive (skopeo, podman, base-kit) is expected; nothing was changed.",
    },
  );
}
