import { posix } from "node:path";
import {
  BaseKitError,
  type Blob,
  bytesFromText,
  type Entry,
  type FileEntry,
  type Image,
  JSON_AT_MOST,
  printable,
  type ReadOptions,
} from "@base-kit/core";
import { type IndexTarOptions, indexTar } from "@base-kit/tar";
import type { Descriptor } from "./documents.ts";
import { blobPath } from "./hybrid-archive.ts";
import { type ImagePlace, placeManifests, readPlace } from "./image-place.ts";
import { requireImages } from "./read-images.ts";

/** The files of an archive by name. Several entries of one name mean different things to different programs. */
export interface ArchiveFiles {
  readonly name: string;
  has(path: string): boolean;
  /** @throws BaseKitError `ARCHIVE_INVALID` (unsupported) */
  file(path: string): FileEntry;
  /** @throws BaseKitError `ARCHIVE_INVALID` (unsupported), also when it is larger than a document may be */
  document(path: string): Promise<Buffer>;
}

/**
 * An uncompressed OCI or hybrid archive, its blobs read from their places in the file.
 *
 * @throws BaseKitError `ARCHIVE_INVALID`, `TAR_…`, `DOCUMENT_INVALID` (unsupported)
 */
export async function openArchivePlace(
  file: string,
  { name = `oci-archive:${file}`, ...options }: Pick<IndexTarOptions, "name" | "descriptor"> = {},
): Promise<ImagePlace> {
  const files = archiveFiles(file, { ...options, name });
  const manifests = placeManifests(await files.document("index.json"), name);
  return { name, manifests, source: { name, blob: (each) => blobIn(files, each) } };
}

/** The images of such an archive, for who checks all of it (`validateImages`): layers are not compared while they are read. */
export async function openArchive(file: string): Promise<readonly Image[]> {
  return requireImages(await readPlace(await openArchivePlace(file), undefined, { verifyLayers: false }), file);
}

export function archiveFiles(
  file: string,
  options: Pick<IndexTarOptions, "descriptor"> & { readonly name: string },
): ArchiveFiles {
  const { name } = options;
  const entries = new Map<string, Entry>();
  for (const entry of indexTar(file, options)) {
    if (entry.type === "directory") continue;
    if (entries.has(entry.path)) throw invalid(name, "every name once", `${printable(entry.path)} twice`);
    entries.set(entry.path, entry);
  }
  const find = (path: string): FileEntry => {
    let entry = entries.get(bytesFromText(path));
    // `docker save` before Docker 25 writes a layer it has written already as a link to it.
    if (entry?.type === "symlink") entry = entries.get(besides(path, entry.target));
    else if (entry?.type === "hardlink") entry = entries.get(entry.target);
    if (entry?.type === "file") return entry;
    throw invalid(name, `the file ${printable(path)}`, entry === undefined ? "none" : `a ${entry.type}`);
  };
  return {
    name,
    has: (path) => entries.has(bytesFromText(path)),
    file: find,
    document: async (path) => {
      const entry = find(path);
      if (entry.size > JSON_AT_MOST)
        throw invalid(name, `${printable(path)} of at most ${JSON_AT_MOST} bytes`, String(entry.size));
      return bytesOf(entry);
    },
  };
}

export function blobIn(files: ArchiveFiles, { mediaType, digest, size }: Descriptor): Blob {
  const entry = files.file(blobPath({ digest }));
  return { mediaType, digest, size, open: (options) => chunksOf(entry, options) };
}

export async function* chunksOf(entry: FileEntry, options?: ReadOptions): AsyncGenerator<Uint8Array, void, void> {
  yield* entry.content(options);
}

async function bytesOf(entry: FileEntry): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunksOf(entry)) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Where a relative link in a file's folder leads within the archive. */
function besides(path: string, target: string): string {
  return posix.join(posix.dirname(path), target);
}

export function invalid(name: string, expected: string, found: string): BaseKitError {
  return new BaseKitError(
    "ARCHIVE_INVALID",
    `${printable(name)} is not an image archive that can be read: expected ${expected}, found ${found}`,
    {
      kind: "unsupported",
      hint: "An archive of `docker save`, skopeo, podman or base-kit is expected; nothing was changed.",
    },
  );
}
