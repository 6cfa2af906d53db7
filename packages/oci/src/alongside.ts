import { PassThrough } from "node:stream";

/** Chunks that a second reader may be behind the first. */
const BEHIND = 4;

export interface Alongside<T> {
  /** The same chunks, for the first reader. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the second reader made of them; rejected when either stopped early. */
  readonly watched: Promise<T>;
}

/** Lets a second reader see chunks while they pass. It holds the first up only when it is far behind; when it stops, the first goes on. */
export function alongside<T>(
  source: AsyncIterable<Uint8Array>,
  watch: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Alongside<T> {
  const stream = new PassThrough({ objectMode: true, highWaterMark: BEHIND });
  // Whoever reads it is told; nobody else has to be.
  stream.on("error", () => {});
  const watched = watch(stream).finally(() => stream.destroy());
  watched.catch(() => {});
  const chunks = async function* () {
    try {
      for await (const chunk of source) {
        if (!stream.destroyed && !stream.write(chunk)) await roomIn(stream);
        yield chunk;
      }
      stream.end();
    } finally {
      if (!stream.writableEnded) stream.destroy(new Error("the source was not read to its end"));
    }
  };
  return { chunks: chunks(), watched };
}

/** Or that nobody reads it any more. */
function roomIn(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}
