import type { Blob, Context, Image, Layer } from "@base-kit/core";
import { bytesBlob } from "./blob.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";
import type { KeptMember } from "./member-cache.ts";
import type { PackedLayer } from "./packed-layer.ts";
import { partsIn } from "./stored-parts.ts";

/** An image without what its blobs hold: the documents are texts, and layers are made of parts in the store. */
interface Remembered {
  readonly image: Omit<Image, "config" | "manifest" | "layers">;
  readonly config: Document;
  readonly manifest: Document;
  readonly layers: readonly (Omit<Layer, "open" | "mediaType"> & { readonly parts: readonly KeptMember[] })[];
}

interface Document {
  readonly mediaType: string;
  readonly text: string;
}

/**
 * Keeps how an image is put together, unless a layer of it is nowhere but in this build's temporary directory.
 *
 * @returns whether it was kept
 */
export async function rememberImage(key: string, image: Image, { store }: Pick<Context, "store">): Promise<boolean> {
  const { config, manifest, layers, ...rest } = image;
  const stored: Remembered["layers"][number][] = [];
  for (const layer of layers) {
    const parts = await partsOf(layer, store);
    if (parts === undefined) return false;
    const { open: _, mediaType: __, compressed: ___, members: ____, ...facts } = layer as PackedLayer;
    stored.push({ ...facts, parts });
  }
  const documents = { config: await documentOf(config), manifest: await documentOf(manifest) };
  const remembered: Remembered = { image: rest, ...documents, layers: stored };
  await store.remember(key, Buffer.from(JSON.stringify(remembered)));
  return true;
}

/** The image that was made before under this key, when all parts of it are still in the store and whole. */
export async function recallImage(key: string, { store }: Pick<Context, "store">): Promise<Image | undefined> {
  const kept = await store.recall(key);
  if (kept === undefined) return undefined;
  const { image, config, manifest, layers } = JSON.parse(kept.toString()) as Remembered;
  const found: Layer[] = [];
  for (const { parts, ...facts } of layers) {
    const open = await partsIn(store, parts);
    if (open === undefined) return undefined;
    found.push({ ...facts, mediaType: LAYER_MEDIA_TYPE[facts.compression], open });
  }
  return { ...image, config: blobOf(config), manifest: blobOf(manifest), layers: found };
}

/** Of a layer that was published, what was fetched is all of it. */
async function partsOf(layer: Layer, store: Context["store"]): Promise<readonly KeptMember[] | undefined> {
  if ("parts" in layer) return (layer as PackedLayer).parts;
  const { digest, size } = layer;
  return (await store.get(digest)) === undefined ? undefined : [{ digest, size }];
}

async function documentOf(blob: Blob): Promise<Document> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.open()) chunks.push(chunk);
  return { mediaType: blob.mediaType, text: Buffer.concat(chunks).toString() };
}

function blobOf({ mediaType, text }: Document): Blob {
  return bytesBlob(mediaType, Buffer.from(text));
}
