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
import { writeTar } from "@base-kit/tar";
import { descriptor } from "./blob.ts";
import { blobsOf, imageIndex, manifestDescriptor, type PlatformDescriptor } from "./image-index.ts";
import { MEDIA_TYPE } from "./media-types.ts";

/**
 * One tar that every engine takes: an OCI image layout, and beside it the `manifest.json` of `docker save`, whose paths point
 * at the same blobs. Blobs come first, the files that name them last. That manifest cannot tell platforms apart, so
 * with several of them it is left out: the archive is a layout alone.
 */
export function hybridArchive(
  images: readonly Image[],
  references: readonly ImageReference[] = [],
): AsyncIterable<Buffer> {
  return writeTar(archiveEntries(images, references));
}

/** Bytes of that tar, for progress and Content-Length. */
export function hybridArchiveSize(images: readonly Image[], references: readonly ImageReference[] = []): number {
  const blocks = archiveEntries(images, references).map(
    (entry) => 1 + (entry.type === "file" ? Math.ceil(entry.size / 512) : 0),
  );
  return 512 * (blocks.reduce((sum, count) => sum + count, 0) + 2);
}

function archiveEntries(images: readonly Image[], references: readonly ImageReference[]): readonly Entry[] {
  const [only, ...others] = images;
  return [
    directoryEntry("blobs"),
    directoryEntry("blobs/sha256"),
    ...blobsOf(images).map(blobEntry),
    fileEntry("oci-layout", OCI_LAYOUT),
    fileEntry("index.json", JSON.stringify(layoutIndex(images, references))),
    ...(only === undefined || others.length > 0
      ? []
      : [fileEntry("manifest.json", JSON.stringify([dockerManifest(only, references)]))]),
  ];
}

export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** One descriptor per name: skopeo and umoci look for the tag, containerd for the full name. */
function layoutIndex(images: readonly Image[], references: readonly ImageReference[]): Record<string, unknown> {
  const named = references.map((reference) => ({
    "io.containerd.image.name": fullyQualified(reference),
    "org.opencontainers.image.ref.name": reference.tag,
  }));
  const { platform, ...document } = layoutDescriptor(images);
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

/** What `index.json` of a layout says of the images: the manifest of one, the index of several. */
export function layoutDescriptor(
  images: readonly Image[],
): Omit<PlatformDescriptor, "platform"> & Partial<PlatformDescriptor> {
  const [first, ...others] = images;
  return first !== undefined && others.length === 0 ? manifestDescriptor(first) : descriptor(imageIndex(images));
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
    content: () => blob.open(),
  };
}
