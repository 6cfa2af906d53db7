import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Blob, JSON_AT_MOST, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { readRange } from "./blob.ts";
import type { Descriptor } from "./documents.ts";
import { blobPath } from "./hybrid-archive.ts";
import { type ImagePlace, placeManifests } from "./image-place.ts";
import type { BlobSource } from "./read-images.ts";

/**
 * An OCI image layout directory.
 *
 * @throws BaseKitError `LAYOUT_INVALID` or `DOCUMENT_INVALID` (unsupported)
 */
export async function openLayout(directory: string): Promise<ImagePlace> {
  const name = `oci:${directory}`;
  const manifests = placeManifests(await readSmallFile(directory, "index.json"), name);
  return { name, manifests, source: layoutSource(directory) };
}

/** The blobs of a layout directory, whatever its index names. */
export function layoutSource(directory: string): BlobSource {
  return { name: `oci:${directory}`, blob: (each) => blobIn(directory, each) };
}

function blobIn(directory: string, { mediaType, digest, size }: Descriptor): Blob {
  const path = join(directory, blobPath({ digest }));
  const open = async function* () {
    const found = await stat(path).catch((error: unknown) => cannotRead(directory, blobPath({ digest }), error));
    // A pipe or a device would be read for ever.
    if (!found.isFile()) throw notALayout(directory, `${blobPath({ digest })} is not a file`);
    yield* readRange(path, 0, size);
  };
  return { mediaType, digest, size, open };
}

async function readSmallFile(directory: string, path: string): Promise<Buffer> {
  const full = join(directory, path);
  try {
    if (!(await stat(full)).isFile()) throw notALayout(directory, `${path} is not a file`);
    await using file = await open(full);
    const buffer = Buffer.alloc(JSON_AT_MOST + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof BaseKitError) throw error;
    return cannotRead(directory, path, error);
  }
}

function cannotRead(directory: string, path: string, error: unknown): never {
  const code = systemErrorCode(error);
  throw notALayout(
    directory,
    code === "ENOENT" ? `${path} is missing` : `${path} cannot be read: ${systemErrorReason(error)}`,
    error,
  );
}

function notALayout(directory: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("LAYOUT_INVALID", `${printable(directory)} is not an OCI image layout: ${why}`, {
    kind: "unsupported",
    hint: "Nothing in it was changed.",
    cause,
  });
}
