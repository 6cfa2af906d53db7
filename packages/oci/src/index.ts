export { digestOf } from "./blob.ts";
export { assembleImage, type BuildImageOptions, buildImage, mergeRuntime } from "./build-image.ts";
export { type Ahead, compressAhead } from "./compress-ahead.ts";
export {
  type Compressor,
  type CompressorOptions,
  compressed,
  findCompressor,
  requireCompressor,
} from "./compressors/compressor.ts";
export { imageConfig, runtimeFields } from "./config.ts";
export { type ConfigDocument, type Descriptor, parseConfig, parseIndex } from "./documents.ts";
export { type FlattenedImage, type FlattenedLayer, flattenedSegment, flattenLayers } from "./flatten-layers.ts";
export { archiveWithoutLayers, hybridArchive, hybridArchiveSize } from "./hybrid-archive.ts";
export { imageForHost } from "./image-for-host.ts";
export { idOf, imageIndex, manifestDescriptor, namedDocument } from "./image-index.ts";
export { type ImagePlace, readPlace } from "./image-place.ts";
export type { LayerOptions } from "./layer.ts";
export { copyToLayout, layoutSink } from "./layout.ts";
export { requireLayoutPlace } from "./layout-place.ts";
export { DOCKER_MEDIA_TYPE, isIndexType, isManifestType, MEDIA_TYPE } from "./media-types.ts";
export { openArchive, openArchivePlace } from "./open-archive.ts";
export { readDockerArchive } from "./open-docker-archive.ts";
export { openLayout } from "./open-layout.ts";
export { type PlainTar, plainTar } from "./plain-tar.ts";
export {
  type BlobSource,
  imagesOf,
  type ReadImagesOptions,
  readNode,
  requireImages,
  type StoredIndex,
  type StoredManifest,
  type StoredNode,
} from "./read-images.ts";
export { refuseCredentials } from "./refuse-credentials.ts";
export { recallImage, rememberImage } from "./remembered-image.ts";
export { cyclonedxDocument } from "./sbom/cyclonedx.ts";
export { spdxDocument } from "./sbom/spdx.ts";
export type { SbomProgram, SbomSubject } from "./sbom/subject.ts";
export { documentsIn, nodeOf, storedBlobs } from "./stored-images.ts";
export { validateImage, validateImages } from "./validate.ts";
export { readDocument } from "./verified-blob.ts";
export { archiveSink, copyToArchive } from "./write-archive.ts";
