import type { Blob, Digest, Image } from "@base-kit/core";
import { descriptor } from "./blob.ts";
import { imageIndex, manifestDescriptor, type PlatformDescriptor } from "./image-index.ts";
import { imagesOf, type StoredManifest, type StoredNode } from "./read-images.ts";

/** Images as what they are when they are stored: the manifest of one, an index around several. */
export function nodeOf(images: readonly Image[]): StoredNode {
  const manifests = images.map(manifestOf);
  const [first, ...others] = manifests;
  if (first !== undefined && others.length === 0) return first;
  return { type: "index", document: imageIndex(images), children: manifests };
}

/** Each blob once, in the order in which they have to be written: layers, then what names them, the root last. */
export function storedBlobs(node: StoredNode): readonly Blob[] {
  const manifests = manifestsIn(node);
  const blobs = [
    ...manifests.flatMap(({ layers }) => layers),
    ...manifests.map(({ config }) => config),
    ...documentsIn(node),
  ];
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

/** Every manifest below a node, or the node itself. */
function manifestsIn(node: StoredNode): readonly StoredManifest[] {
  return node.type === "manifest" ? [node] : node.children.flatMap(manifestsIn);
}

/** Manifests and indexes, what is named before what names it. */
export function documentsIn(node: StoredNode): readonly Blob[] {
  return node.type === "manifest" ? [node.document] : [...node.children.flatMap(documentsIn), node.document];
}

/** What `index.json` of a layout says of it. */
export function rootDescriptor(node: StoredNode): Omit<PlatformDescriptor, "platform"> & Partial<PlatformDescriptor> {
  return node.type === "manifest" && node.image !== undefined
    ? manifestDescriptor(node.image)
    : descriptor(node.document);
}

/** What it is known by: the digest of the config of one image, that of the document of anything else. */
export function storedId(node: StoredNode): Digest {
  return node.type === "manifest" && node.image !== undefined ? node.image.config.digest : node.document.digest;
}

/** The only image, where there is just one and nothing beside it. */
export function onlyImage(node: StoredNode): Image | undefined {
  return node.type === "manifest" ? imagesOf(node)[0] : undefined;
}

function manifestOf(image: Image): StoredManifest {
  const { config, layers } = image;
  return { type: "manifest", document: image.manifest, config, layers, image };
}
