/** Blocks of exactly `size` bytes, the last one shorter (perhaps empty) and marked; each in a room of that size. */
export async function* blocksOf(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  makeRoom: () => Buffer = () => Buffer.allocUnsafeSlow(size),
): AsyncGenerator<{ readonly block: Buffer; readonly last: boolean }, void, void> {
  let block = makeRoom();
  let used = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (used === size) {
        yield { block, last: false };
        block = makeRoom();
        used = 0;
      }
      const part = chunk.subarray(at, at + size - used);
      block.set(part, used);
      used += part.length;
      at += part.length;
    }
  }
  yield { block: block.subarray(0, used), last: true };
}
