import {
  type Blob,
  bytesFromText,
  type Entry,
  type FileEntry,
  fullyQualified,
  type Image,
  type ImageReference,
} from "@base-kit/core";
import { directoryEntry, fileEntry } from "@base-kit/rootfs";
import { type WriteTarOptions, writeTar } from "@base-kit/tar";
import { MEDIA_TYPE } from "./media-types.ts";
import type { StoredNode } from "./read-images.ts";
import { nodeOf, onlyImage, rootDescriptor, storedBlobs } from "./stored-images.ts";

/**
 * One tar that every engine takes: an OCI image layout, and beside it the `manifest.json` of `docker save`, whose paths point
 * at the same blobs. Blobs come first, the files that name them last. That manifest cannot tell platforms apart, so
 * with several of them it is left out: the archive is a layout alone.
 */
export function hybridArchive(
  images: readonly Image[],
  references: readonly ImageReference[] = [],
): AsyncIterable<Buffer> {
  return storedArchive(nodeOf(images), references);
}

/** The same of what was stored elsewhere before. */
export function storedArchive(
  node: StoredNode,
  references: readonly ImageReference[] = [],
  options: WriteTarOptions = {},
): AsyncIterable<Buffer> {
  return writeTar(archiveEntries(node, references), options);
}

/** Bytes of that tar, for progress and Content-Length. */
export function hybridArchiveSize(images: readonly Image[], references: readonly ImageReference[] = []): number {
  return storedArchiveSize(nodeOf(images), references);
}

export function storedArchiveSize(node: StoredNode, references: readonly ImageReference[] = []): number {
  const blocks = archiveEntries(node, references).map(
    (entry) => 1 + (entry.type === "file" ? Math.ceil(entry.size / 512) : 0),
  );
  return 512 * (blocks.reduce((sum, count) => sum + count, 0) + 2);
}

/** The config of an image and the `manifest.json` that names it: all that a Docker engine needs which has the layers. */
export function archiveWithoutLayers(image: Image): AsyncIterable<Buffer> {
  const manifest = fileEntry("manifest.json", JSON.stringify([dockerManifest(image, [])]));
  return writeTar([directoryEntry("blobs"), directoryEntry("blobs/sha256"), blobEntry(image.config), manifest]);
}

function archiveEntries(node: StoredNode, references: readonly ImageReference[]): readonly Entry[] {
  const only = onlyImage(node);
  return [
    directoryEntry("blobs"),
    directoryEntry("blobs/sha256"),
    ...storedBlobs(node).map(blobEntry),
    fileEntry("oci-layout", OCI_LAYOUT),
    fileEntry("index.json", JSON.stringify(layoutIndex(node, references))),
    ...(only === undefined ? [] : [fileEntry("manifest.json", JSON.stringify([dockerManifest(only, references)]))]),
  ];
}

export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** One descriptor per name: skopeo and umoci look for the tag, containerd for the full name. */
function layoutIndex(node: StoredNode, references: readonly ImageReference[]): Record<string, unknown> {
  const named = references.map((reference) => ({
    "io.containerd.image.name": fullyQualified(reference),
    "org.opencontainers.image.ref.name": reference.tag,
  }));
  const { platform, ...document } = rootDescriptor(node);
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: (named.length === 0 ? [undefined] : named).map((annotations) => ({
      ...document,
      ...(annotations === undefined ? {} : { annotations }),
      ...(platform === undefined ? {} : { platform }),
    })),
  };
}

/** moby/image/tarexport, the format of `docker save`. */
function dockerManifest(image: Image, references: readonly ImageReference[]): Record<string, unknown> {
  return {
    Config: blobPath(image.config),
    RepoTags: references.map(({ familiar }) => familiar),
    Layers: image.layers.map(blobPath),
  };
}

export function blobPath({ digest }: Pick<Blob, "digest">): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function blobEntry(blob: Blob): FileEntry {
  return {
    type: "file",
    path: bytesFromText(blobPath(blob)),
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: blob.size,
    content: (options) => blob.open(options),
  };
}
