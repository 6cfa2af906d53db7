import { createGunzip } from "node:zlib";
import type { ChunkReader } from "./chunk-reader.ts";
import { damaged } from "./decompress-errors.ts";
import { through } from "./through.ts";

/**
 * The members of RFC 1952, one after the other, and zero padding behind them as tapes leave it. node:zlib reads the members
 * but stops at the first zero behind one and takes no notice of what follows; here anything but zeros is an error.
 */
export async function* gunzip(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = createGunzip({ chunkSize: 256 * 1024 });
  let taken = 0;
  let last: Uint8Array = new Uint8Array(0);
  const chunks = reader.rest();
  try {
    // Not handed over as the generator it is: that would be closed before the rest is looked at.
    yield* through({ [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }, stream, (chunk) => {
      taken += chunk.length;
      last = chunk;
    });
  } catch (error) {
    throw isZlibError(error) ? damaged(reader, `not valid gzip (${error.message})`, error) : error;
  }
  const unread = taken - stream.bytesWritten;
  assertZeros(reader, last.subarray(last.length - unread));
  for await (const chunk of chunks) assertZeros(reader, chunk);
}

function assertZeros(reader: ChunkReader, bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw damaged(reader, "something that is not gzip follows the compressed data");
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}
