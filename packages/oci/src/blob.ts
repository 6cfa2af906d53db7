import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Blob, Digest } from "@base-kit/core";

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A JSON document as a blob. Its bytes, and so its digest, follow from the order of the keys given. */
export function jsonBlob(mediaType: string, value: unknown): Blob & { readonly bytes: Buffer } {
  return bytesBlob(mediaType, Buffer.from(JSON.stringify(value)));
}

export function bytesBlob(mediaType: string, bytes: Buffer): Blob & { readonly bytes: Buffer } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes, open: () => once(bytes) };
}

export function descriptor({ mediaType, digest, size }: Blob): Pick<Blob, "mediaType" | "digest" | "size"> {
  return { mediaType, digest, size };
}

/** A part of a file as a stream of large chunks, but not so large that a check of one of them would keep an upload waiting. */
export async function* readRange(file: string, start: number, size: number): AsyncGenerator<Buffer, void, void> {
  if (size === 0) return;
  yield* createReadStream(file, { start, end: start + size - 1, highWaterMark: 256 * 1024 });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}
