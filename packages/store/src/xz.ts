import { ReadableStream } from "node:stream/web";
import type { ChunkReader } from "./chunk-reader.ts";
import { damaged } from "./decompress-errors.ts";
import { checkedXz } from "./xz-structure.ts";

/** Concatenated .xz streams with their padding. Decoded on the calling thread, 50 MB per second. */
export async function* unxz(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const library = await import("xz-decompress");
  // A CommonJS module that calls itself an ES module: loaders differ in where they put its exports.
  const { XzReadableStream } = library.XzReadableStream === undefined ? library.default : library;
  allowSeveralAtOnce(XzReadableStream);
  try {
    for await (const chunk of new XzReadableStream(ReadableStream.from(checkedXz(reader)))) {
      if (chunk.length > 0) yield chunk;
    }
  } catch (error) {
    // Its codes are those of xz_ret in XZ Embedded; what it cannot do was refused before.
    const isDecoders = error instanceof Error && error.message.startsWith("get_next_output failed");
    throw isDecoders ? damaged(reader, "not valid xz", error) : error;
  }
}

/**
 * The library decodes one stream at a time: a second one waits until the first is read to its end, for ever if the reader of
 * the first waits for the second. Its contexts are independent, so the lock is opened.
 */
function allowSeveralAtOnce(library: object): void {
  Object.assign(library, { _contextMutex: { acquire: async () => {}, release: () => {} } });
}
