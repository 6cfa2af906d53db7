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
import { descriptor } from "./build-image.ts";
import { MEDIA_TYPE } from "./media-types.ts";

/**
 * One tar that every engine takes: an OCI image layout, and beside it the `manifest.json` of `docker save`, whose paths point
 * at the same blobs. Blobs come first, the files that name them last.
 */
export function hybridArchive(image: Image, references: readonly ImageReference[] = []): AsyncIterable<Buffer> {
  return writeTar(archiveEntries(image, references));
}

/** Bytes of that tar, for progress and Content-Length. */
export function hybridArchiveSize(image: Image, references: readonly ImageReference[] = []): number {
  const blocks = archiveEntries(image, references).map(
    (entry) => 1 + (entry.type === "file" ? Math.ceil(entry.size / 512) : 0),
  );
  return 512 * (blocks.reduce((sum, count) => sum + count, 0) + 2);
}

function archiveEntries(image: Image, references: readonly ImageReference[]): readonly Entry[] {
  const blobs = distinct([...image.layers, image.config, image.manifest]);
  return [
    directoryEntry("blobs"),
    directoryEntry("blobs/sha256"),
    ...blobs.map(blobEntry),
    fileEntry("oci-layout", OCI_LAYOUT),
    fileEntry("index.json", JSON.stringify(imageIndex(image, references))),
    fileEntry("manifest.json", JSON.stringify([dockerManifest(image, references)])),
  ];
}

export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** One descriptor per name: skopeo and umoci look for the tag, containerd for the full name. */
function imageIndex(image: Image, references: readonly ImageReference[]): Record<string, unknown> {
  const { os, architecture, variant } = image.platform;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  const named = references.map((reference) => ({
    "io.containerd.image.name": fullyQualified(reference),
    "org.opencontainers.image.ref.name": reference.tag,
  }));
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: (named.length === 0 ? [undefined] : named).map((annotations) => ({
      ...descriptor(image.manifest),
      ...(annotations === undefined ? {} : { annotations }),
      platform,
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
    content: () => blob.open(),
  };
}

/** Two layers may be the same; an archive holds a path once. */
function distinct(blobs: readonly Blob[]): readonly Blob[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}
