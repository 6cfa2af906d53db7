import type { Image } from "@base-kit/core";
import { imageIndex } from "./image-index.ts";
import type { StoredManifest, StoredNode } from "./read-images.ts";

/** Images as what they are when they are stored: the manifest of one, an index around several. */
export function nodeOf(images: readonly Image[]): StoredNode {
  const manifests = images.map(manifestOf);
  const [first, ...others] = manifests;
  if (first !== undefined && others.length === 0) return first;
  return { type: "index", document: imageIndex(images), children: manifests };
}

function manifestOf(image: Image): StoredManifest {
  const blobs = [...new Map([image.config, ...image.layers].map((each) => [each.digest, each])).values()];
  return { type: "manifest", document: image.manifest, blobs, image };
}
