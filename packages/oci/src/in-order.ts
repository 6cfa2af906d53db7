/** Something that is being made, for what `T` says. */
export interface Piece<T> {
  readonly of: T;
  readonly bytes: Buffer | Promise<Buffer>;
}

/** As many as keep libuv's four threads busy while this one hashes and writes; memory is a few times this many MiB. */
const AT_ONCE = 8;

/** The pieces in their order, several in the making at once. */
export async function* inOrder<T>(
  pieces: AsyncIterable<Piece<T>>,
  atOnce: number = AT_ONCE,
): AsyncGenerator<{ readonly of: T; readonly bytes: Buffer }, void, void> {
  const running: Piece<T>[] = [];
  try {
    for await (const piece of pieces) {
      running.push(piece);
      while (running.length >= atOnce || (running[0] !== undefined && Buffer.isBuffer(running[0].bytes))) {
        const first = running.shift() as Piece<T>;
        yield { of: first.of, bytes: await first.bytes };
      }
    }
    for (let first = running.shift(); first !== undefined; first = running.shift()) {
      yield { of: first.of, bytes: await first.bytes };
    }
  } finally {
    // A taker that stops early must not leave a rejected promise behind.
    await Promise.allSettled(running.map(({ bytes }) => bytes));
  }
}

/** Pieces of one thing as one stream: what follows each other with the same `of`. Each stream has to be read to its end before the next. */
export async function* runsOf<T>(
  pieces: AsyncIterable<{ readonly of: T; readonly bytes: Buffer }>,
): AsyncGenerator<{ readonly of: T; readonly chunks: AsyncIterable<Buffer> }, void, void> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    while (next.done !== true) {
      const { of } = next.value;
      const chunks = async function* () {
        for (; next.done !== true && next.value.of === of; next = await iterator.next()) yield next.value.bytes;
      };
      yield { of, chunks: chunks() };
    }
  } finally {
    await iterator.return?.();
  }
}
