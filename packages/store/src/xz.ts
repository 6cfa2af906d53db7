import type { ChunkReader } from "./chunk-reader.ts";
import { damaged } from "./decompress-errors.ts";
import { openXzDecoder, type XzDecoder, XzDecoderError, type XzStep } from "./xz-pool.ts";
import { checkedXz } from "./xz-structure.ts";

/** What goes to a thread at once: a message costs as much as decoding a few KiB. */
const INPUT_SIZE = 256 * 1024;

/** Concatenated .xz streams with their padding. Decoded on another thread, one step ahead of the reader. */
export async function* unxz(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = inPieces(checkedXz(reader));
  const decoder = openXzDecoder();
  try {
    for (let ahead: Promise<XzStep> | undefined = step(decoder, pieces); ahead !== undefined; ) {
      const { output, then }: XzStep = await ahead;
      ahead = then === "end" ? undefined : step(decoder, then === "more input" ? pieces : undefined);
      // Its error is for whoever reads on.
      ahead?.catch(() => {});
      if (output.length > 0) yield output;
    }
  } catch (error) {
    // What the decoder cannot do was refused before, by the structure.
    throw error instanceof XzDecoderError ? damaged(reader, "not valid xz", error) : error;
  } finally {
    decoder.close();
  }
}

async function step(decoder: XzDecoder, pieces?: AsyncIterator<Uint8Array<ArrayBuffer>>): Promise<XzStep> {
  if (pieces === undefined) return decoder.step();
  const { done, value } = await pieces.next();
  return decoder.step(done ? new Uint8Array(0) : value);
}

/** Copies, because a thread takes the memory away, and that of a chunk may hold more than the chunk. */
async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size < INPUT_SIZE) continue;
    yield joined(parts, size);
    parts = [];
    size = 0;
  }
  if (size > 0) yield joined(parts, size);
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
