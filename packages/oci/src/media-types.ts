/** OCI image specification 1.1, "Media Types". */
export const MEDIA_TYPE = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
} as const;

/** By compression. */
export const LAYER_MEDIA_TYPE = {
  none: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

/** Docker's older names of the same things, "Image Manifest V 2, Schema 2"; many images in registries still have them. */
export const DOCKER_MEDIA_TYPE = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
} as const;

const LAYER_COMPRESSION: Readonly<Record<string, keyof typeof LAYER_MEDIA_TYPE>> = {
  [LAYER_MEDIA_TYPE.none]: "none",
  [LAYER_MEDIA_TYPE.gzip]: "gzip",
  [LAYER_MEDIA_TYPE.zstd]: "zstd",
  "application/vnd.docker.image.rootfs.diff.tar": "none",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
};

/** How a layer of this media type is compressed; undefined when it is not a layer. */
export function layerCompression(mediaType: string): keyof typeof LAYER_MEDIA_TYPE | undefined {
  return Object.hasOwn(LAYER_COMPRESSION, mediaType) ? LAYER_COMPRESSION[mediaType] : undefined;
}

/** OCI's or Docker's, as the two below. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.index || mediaType === DOCKER_MEDIA_TYPE.index;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.manifest || mediaType === DOCKER_MEDIA_TYPE.manifest;
}

export function isConfigType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.config || mediaType === DOCKER_MEDIA_TYPE.config;
}

/** On the descriptor of a layer: with what it was compressed. */
export const COMPRESSOR_ANNOTATION = "io.base-kit.compressor";

/** On the descriptor of a layer that was taken over from another image as it is. */
export const KEPT_ANNOTATION = "io.base-kit.kept";
