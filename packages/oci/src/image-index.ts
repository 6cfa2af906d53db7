import type { Blob, Digest, Image, Platform } from "@base-kit/core";
import { descriptor, jsonBlob } from "./blob.ts";
import { MEDIA_TYPE } from "./media-types.ts";

/**
 * The image index of one image per platform, OCI image specification 1.1 "Image Index". Its bytes follow from the images and
 * their order; annotations that all images have are the index's too.
 */
export function imageIndex(images: readonly Image[]): Blob {
  const annotations = sharedAnnotations(images);
  return jsonBlob(MEDIA_TYPE.index, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: images.map(manifestDescriptor),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
}

/** The document that a name of the images stands for: the manifest of one, the index of several. */
export function namedDocument(images: readonly Image[]): Blob {
  const [first, ...others] = images;
  return first !== undefined && others.length === 0 ? first.manifest : imageIndex(images);
}

/** What the images are known by: the digest of the config of one, that of the index of several. */
export function idOf(images: readonly Image[]): Digest {
  const [first, ...others] = images;
  return first !== undefined && others.length === 0 ? first.config.digest : imageIndex(images).digest;
}

/** A manifest as an index lists it. */
export interface PlatformDescriptor extends Pick<Blob, "mediaType" | "digest" | "size"> {
  readonly platform: Platform;
}

/** How an index names an image. */
export function manifestDescriptor({ manifest, platform: { os, architecture, variant } }: Image): PlatformDescriptor {
  return { ...descriptor(manifest), platform: { architecture, os, ...(variant === undefined ? {} : { variant }) } };
}

function sharedAnnotations([first, ...others]: readonly Image[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(first?.annotations ?? {}).filter(([name, value]) =>
      others.every(({ annotations }) => annotations[name] === value),
    ),
  );
}
