import {
  BaseKitError,
  type Blob,
  formatPlatform,
  type Image,
  type Layer,
  type Platform,
  printable,
} from "@base-kit/core";
import {
  type ConfigDocument,
  type Descriptor,
  knownPlatform,
  type ManifestDocument,
  parseConfig,
  parseIndex,
  parseManifest,
} from "./documents.ts";
import {
  COMPRESSOR_ANNOTATION,
  isConfigType,
  isIndexType,
  isManifestType,
  KEPT_ANNOTATION,
  layerCompression,
} from "./media-types.ts";
import { readDocument, verifiedBlob } from "./verified-blob.ts";

/** Where blobs are read from: a layout, an archive, a registry. Nothing it gives is trusted. */
export interface BlobSource {
  /** For messages: `oci:images`. */
  readonly name: string;
  /** Finds the bytes a descriptor names; they may turn out to be wrong when they are read. */
  blob(descriptor: Descriptor): Blob;
}

/** A manifest or an index as it is stored, with all that it names; copying all of it keeps every digest. */
export type StoredNode = StoredManifest | StoredIndex;

export interface StoredManifest {
  readonly type: "manifest";
  readonly document: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  /** Absent when it is no image for a platform that base-kit knows. */
  readonly image?: Image;
  /** Why there is no image. */
  readonly notImage?: string;
}

export interface StoredIndex {
  readonly type: "index";
  readonly document: Blob;
  readonly children: readonly StoredNode[];
}

export interface ReadImagesOptions {
  /** Only manifests for this platform, of those whose descriptor says what they are for. @default all */
  readonly platform?: Platform;
  /** Whether layers are compared with their digests while they are read; only who does so himself says no. @default true */
  readonly verifyLayers?: boolean;
}

/** An index may list an index; nobody nests deeper, and together they name no more than this. */
const DEPTH_AT_MOST = 4;
const DOCUMENTS_AT_MOST = 2000;

/**
 * Reads a manifest, or an index and the manifests below it. Every document is compared with its digest and size before it is
 * parsed; the layers are compared while they are read.
 *
 * @throws BaseKitError `BLOB_MISMATCH` (verification), `DOCUMENT_INVALID` (unsupported), and what the source throws
 */
export async function readNode(
  source: BlobSource,
  descriptor: Descriptor,
  options: ReadImagesOptions = {},
): Promise<StoredNode> {
  return readBelow(descriptor, { source, ...options, depth: 0, left: { documents: DOCUMENTS_AT_MOST } });
}

/** The images of a node, in its order. */
export function imagesOf(node: StoredNode): readonly Image[] {
  if (node.type === "index") return node.children.flatMap(imagesOf);
  return node.image === undefined ? [] : [node.image];
}

/**
 * As {@link imagesOf}, at least one.
 *
 * @throws BaseKitError `IMAGE_NOT_FOUND` (unsupported)
 */
export function requireImages(node: StoredNode, name: string, platform?: Platform): readonly [Image, ...Image[]] {
  const images = imagesOf(node).filter((image) => platform === undefined || isFor(image.platform, platform));
  const [first, ...others] = images;
  if (first !== undefined) return [first, ...others];
  const there = imagesOf(node).map((image) => formatPlatform(image.platform));
  const reasons = reasonsOf(node);
  const found = there.length > 0 ? `there is ${[...new Set(there)].join(", ")}` : reasons.join("; ") || "it is empty";
  const wanted = platform === undefined ? "an image" : `an image for ${formatPlatform(platform)}`;
  throw new BaseKitError("IMAGE_NOT_FOUND", `${printable(name)} does not hold ${wanted}: ${found}`, {
    kind: "unsupported",
    ...(there.length > 0 ? { hint: "Choose another architecture with --arch." } : {}),
  });
}

/** Whether an image for `is` runs where `wanted` is asked for. */
export function isFor(is: Platform, wanted: Platform): boolean {
  return formatPlatform(is) === formatPlatform(wanted);
}

interface Walk extends ReadImagesOptions {
  readonly source: BlobSource;
  readonly depth: number;
  readonly left: { documents: number };
}

async function readBelow(descriptor: Descriptor, walk: Walk): Promise<StoredNode> {
  const { source, depth, left } = walk;
  const { mediaType } = descriptor;
  left.documents -= 1;
  if (left.documents < 0 || depth > DEPTH_AT_MOST) {
    throw new BaseKitError("INDEX_TOO_LARGE", `the image index in ${printable(source.name)} names too many others`, {
      kind: "unsupported",
      hint: `At most ${DOCUMENTS_AT_MOST} documents in ${DEPTH_AT_MOST} levels are read.`,
    });
  }
  if (isIndexType(mediaType)) return readIndex(descriptor, walk);
  if (isManifestType(mediaType)) return readManifest(descriptor, walk);
  throw new BaseKitError(
    "MEDIA_TYPE_UNKNOWN",
    `${descriptor.digest} in ${printable(source.name)} is a ${printable(mediaType)}; expected an image manifest or index`,
    { kind: "unsupported" },
  );
}

async function readIndex(descriptor: Descriptor, walk: Walk): Promise<StoredIndex> {
  const { source, platform } = walk;
  const document = source.blob(descriptor);
  const bytes = await readDocument(document, "the image index", source.name);
  const children: StoredNode[] = [];
  for (const child of parseIndex(bytes, `the image index ${descriptor.digest} of ${printable(source.name)}`)) {
    if (platform === undefined || mayBeFor(child, platform)) {
      children.push(await readBelow(child, { ...walk, depth: walk.depth + 1 }));
    }
  }
  return { type: "index", document: inMemory(document, bytes), children };
}

/** A descriptor need not say what its manifest is for. */
function mayBeFor({ platform }: Descriptor, wanted: Platform): boolean {
  if (platform === undefined) return true;
  const known = knownPlatform(platform);
  return known !== undefined && isFor(known, wanted);
}

async function readManifest(descriptor: Descriptor, walk: Walk): Promise<StoredManifest> {
  const { source, verifyLayers = true } = walk;
  const document = source.blob(descriptor);
  const what = `the manifest ${descriptor.digest} of ${printable(source.name)}`;
  const bytes = await readDocument(document, "the manifest", source.name);
  const manifest = parseManifest(bytes, what);
  const own = (each: Descriptor) => (verifyLayers ? verifiedBlob(source.blob(each), source.name) : source.blob(each));
  const node = {
    type: "manifest",
    document: inMemory(document, bytes),
    config: own(manifest.config),
    layers: manifest.layers.map(own),
  } as const;
  const notImage = whyNotImage(manifest, descriptor);
  if (notImage !== undefined) return { ...node, notImage };
  const config = await readDocument(source.blob(manifest.config), "the config", source.name);
  const settings = parseConfig(config, `the config ${manifest.config.digest} of ${printable(source.name)}`);
  const platform = knownPlatform(settings.platform);
  if (platform === undefined) {
    const { os, architecture } = settings.platform;
    return { ...node, notImage: `it is for ${printable(`${os}/${architecture}`)}` };
  }
  const image: Image = {
    platform,
    config: inMemory(node.config, config),
    manifest: node.document,
    layers: layersOf(node.layers, settings, { manifest, what }),
    annotations: manifest.annotations ?? {},
    runtime: settings.runtime,
  };
  return { ...node, image };
}

/** Buildx keeps its attestations beside the images as manifests for the platform unknown/unknown. */
function whyNotImage(manifest: ManifestDocument, { platform }: Descriptor): string | undefined {
  const { config, layers } = manifest;
  if (platform?.os === "unknown") return "it is an attestation";
  if (!isConfigType(config.mediaType) || manifest.artifactType !== undefined) {
    return `it is an artifact of the type ${printable(manifest.artifactType ?? config.mediaType)}`;
  }
  const foreign = layers.find(({ mediaType }) => layerCompression(mediaType) === undefined);
  return foreign === undefined ? undefined : `it has a layer of the type ${printable(foreign.mediaType)}`;
}

function layersOf(
  blobs: readonly Blob[],
  { diffIds }: ConfigDocument,
  { manifest, what }: { readonly manifest: ManifestDocument; readonly what: string },
): readonly Layer[] {
  if (diffIds.length !== blobs.length) {
    throw new BaseKitError(
      "DOCUMENT_INVALID",
      `${what} has ${blobs.length} layers, and its config names ${diffIds.length} diffIDs`,
      {
        kind: "unsupported",
        hint: "It was made by another program, is damaged, or means harm; nothing of it was used.",
      },
    );
  }
  return blobs.map((blob, position): Layer => {
    const diffId = diffIds[position];
    const compression = layerCompression(blob.mediaType);
    if (diffId === undefined || compression === undefined) throw new TypeError("checked before");
    const compressor = manifest.layers[position]?.annotations?.[COMPRESSOR_ANNOTATION];
    const kept = manifest.layers[position]?.annotations?.[KEPT_ANNOTATION] === "true" ? { kept: true } : {};
    return { ...blob, diffId, compression, ...(compressor === undefined ? {} : { compressor }), ...kept };
  });
}

/** Documents are small and were read already. */
function inMemory(blob: Blob, bytes: Uint8Array): Blob {
  return {
    ...blob,
    open: async function* () {
      yield bytes;
    },
  };
}

function reasonsOf(node: StoredNode): readonly string[] {
  if (node.type === "index") return [...new Set(node.children.flatMap(reasonsOf))];
  return node.notImage === undefined ? [] : [node.notImage];
}
