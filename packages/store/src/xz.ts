import type { ChunkReader } from "./chunk-reader.ts";
import { damaged } from "./decompress-errors.ts";
import { openXzDecoder, type XzDecoder, XzDecoderError, type XzStep, xzInputs } from "./xz-pool.ts";
import { checkedXz } from "./xz-structure.ts";

/** Concatenated .xz streams with their padding. Decoded on another thread, one step ahead of the reader. */
export async function* unxz(
  reader: ChunkReader,
  { transient = false }: { readonly transient?: boolean } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = inPieces(checkedXz(reader));
  const decoder = openXzDecoder({ transient });
  try {
    for (let ahead: Promise<XzStep> | undefined = step(decoder, pieces); ahead !== undefined; ) {
      const { output, then }: XzStep = await ahead;
      ahead = then === "end" ? undefined : step(decoder, then === "more input" ? pieces : undefined);
      // Its error is for whoever reads on.
      ahead?.catch(() => {});
      if (output.length > 0) yield output;
      if (transient) decoder.giveBack(output);
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
  let piece = new Uint8Array(xzInputs.take());
  let used = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + piece.length - used);
      piece.set(part, used);
      used += part.length;
      at += part.length;
      if (used < piece.length) continue;
      yield piece;
      piece = new Uint8Array(xzInputs.take());
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}
