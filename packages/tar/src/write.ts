import { BaseKitError, type Entry, type FileEntry, printable } from "@base-kit/core";
import { BLOCK, padding } from "./format.ts";
import { encodeHeader } from "./header.ts";

/** One system call, one hash update and one promise per this many bytes; below 256 KiB they begin to show. */
const CHUNK = 1024 ** 2;
/** From this size a chunk of content is handed on as it is; copying small ones together is cheaper. */
const PASS_THROUGH = 256 * 1024;

/**
 * A tar of the entries in the order given, two blocks of zeros at its end. The same entries give the same bytes everywhere.
 * Chunks are the caller's to keep.
 *
 * @throws BaseKitError `TAR_CONTENT_SIZE` (environment) when a file gives more or fewer bytes than its size says
 */
export async function* writeTar(entries: Iterable<Entry> | AsyncIterable<Entry>): AsyncGenerator<Buffer, void, void> {
  let chunk = Buffer.allocUnsafeSlow(CHUNK);
  let used = 0;
  for await (const entry of entries) {
    const header = encodeHeader(entry);
    if (used + header.length > CHUNK) {
      yield chunk.subarray(0, used);
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, header.length));
      used = 0;
    }
    used += header.copy(chunk, used);
    if (entry.type !== "file" || entry.size === 0) continue;
    let written = 0;
    const content = entry.content();
    // A synchronous source is worth its own loop: `for await` costs three promises per chunk.
    if (Symbol.iterator in content) {
      for (const bytes of content) {
        written += bytes.length;
        if (bytes.length >= PASS_THROUGH) {
          yield chunk.subarray(0, used);
          yield asBuffer(bytes);
          chunk = Buffer.allocUnsafeSlow(CHUNK);
          used = 0;
          continue;
        }
        if (used + bytes.length > CHUNK) {
          yield chunk.subarray(0, used);
          chunk = Buffer.allocUnsafeSlow(CHUNK);
          used = 0;
        }
        chunk.set(bytes, used);
        used += bytes.length;
      }
    } else {
      for await (const bytes of content) {
        written += bytes.length;
        if (used + bytes.length > CHUNK) {
          yield chunk.subarray(0, used);
          chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, bytes.length));
          used = 0;
        }
        chunk.set(bytes, used);
        used += bytes.length;
      }
    }
    if (written !== entry.size) throw changedWhileReading(entry, written);
    const pad = padding(entry.size);
    if (used + pad > chunk.length) {
      yield chunk.subarray(0, used);
      chunk = Buffer.allocUnsafeSlow(CHUNK);
      used = 0;
    }
    chunk.fill(0, used, used + pad);
    used += pad;
  }
  yield chunk.subarray(0, used);
  yield Buffer.alloc(2 * BLOCK);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function changedWhileReading(entry: FileEntry, found: number): BaseKitError {
  return new BaseKitError(
    "TAR_CONTENT_SIZE",
    `cannot write ${printable(entry.path)} to a tar: expected ${entry.size} bytes, found ${found}: the file changed while it was read`,
    { kind: "environment", hint: "Stop what writes to it, or leave it out, and run again." },
  );
}
