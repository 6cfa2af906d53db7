import type { Blob, Context, Image, Layer } from "@base-kit/core";
import { bytesBlob } from "./blob.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";
import type { KeptMember } from "./member-cache.ts";
import type { PackedLayer } from "./packed-layer.ts";
import { partsIn } from "./parts.ts";

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

/** Keeps how an image is put together, unless a layer of it is nowhere but in this build's temporary directory. */
export async function rememberImage(key: string, image: Image, { store }: Pick<Context, "store">): Promise<void> {
  const { config, manifest, layers, ...rest } = image;
  if (!layers.every(isPacked)) return;
  const remembered: Remembered = {
    image: rest,
    config: await documentOf(config),
    manifest: await documentOf(manifest),
    layers: layers.map(({ open: _, mediaType: __, compressed: ___, members: ____, ...facts }) => facts),
  };
  await store.remember(key, Buffer.from(JSON.stringify(remembered)));
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

function isPacked(layer: Layer): layer is PackedLayer {
  return "parts" in layer;
}

async function documentOf(blob: Blob): Promise<Document> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.open()) chunks.push(chunk);
  return { mediaType: blob.mediaType, text: Buffer.concat(chunks).toString() };
}

function blobOf({ mediaType, text }: Document): Blob {
  return bytesBlob(mediaType, Buffer.from(text));
}
