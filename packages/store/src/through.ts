import type { Transform } from "node:stream";

/**
 * Sends chunks through a transform stream of node:zlib with back pressure in both directions.
 *
 * @param onTaken called with each chunk before the stream gets it
 */
export async function* through(
  chunks: AsyncIterable<Uint8Array>,
  stream: Transform,
  onTaken?: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      onTaken?.(chunk);
      // One at a time: a decoder that has come to its end must not be given more.
      if ((await write(stream, chunk)) === "closed") return;
    }
    stream.end();
  };
  const feeding = feed().catch((error) => stream.destroy(error));
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } finally {
    stream.destroy();
  }
  await feeding;
}

/** node:zlib never calls back for a chunk behind whose beginning the compressed data ended. */
function write(stream: Transform, chunk: Uint8Array): Promise<"taken" | "closed"> {
  return new Promise((resolve) => {
    const closed = () => resolve("closed");
    stream.once("close", closed).once("end", closed);
    stream.write(chunk, () => {
      stream.off("close", closed).off("end", closed);
      resolve(stream.destroyed ? "closed" : "taken");
    });
  });
}
