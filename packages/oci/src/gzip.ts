import { promisify } from "node:util";
import { constants, crc32, deflateRaw, type ZlibOptions } from "node:zlib";

const BLOCK = 1024 ** 2;
/** Deflate looks this far back; each block is given the end of the one before, so that cutting costs no size. */
const WINDOW = 32 * 1024;
/** Blocks compressed at once, on libuv's threads; memory is a few times this many MiB. */
const IN_FLIGHT = 4;

export const DEFAULT_GZIP_LEVEL = 6;

const deflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

/**
 * One gzip member (RFC 1952), compressed in blocks on all cores. The bytes follow from the input and the level alone, not from
 * the pieces the input comes in or the number of threads; no name, no time.
 */
export async function* gzip(
  chunks: AsyncIterable<Uint8Array>,
  level: number = DEFAULT_GZIP_LEVEL,
): AsyncGenerator<Buffer, void, void> {
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  const running: Promise<Buffer>[] = [];
  let dictionary: Buffer | undefined;
  let sum = 0;
  let size = 0;
  try {
    for await (const { block, last } of blocksOf(chunks)) {
      sum = crc32(block, sum);
      size += block.length;
      const finishFlush = last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
      running.push(deflate(block, { level, finishFlush, ...(dictionary === undefined ? {} : { dictionary }) }));
      dictionary = block.subarray(Math.max(0, block.length - WINDOW));
      if (running.length >= IN_FLIGHT) yield (await running.shift()) as Buffer;
    }
    while (running.length > 0) yield (await running.shift()) as Buffer;
  } finally {
    // A consumer that stops early must not leave a rejected promise behind.
    await Promise.allSettled(running);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum >>> 0, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}

/** Blocks of exactly one MiB, the last one shorter (perhaps empty) and marked. */
async function* blocksOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly block: Buffer; readonly last: boolean }, void, void> {
  let block = Buffer.allocUnsafeSlow(BLOCK);
  let used = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (used === BLOCK) {
        yield { block, last: false };
        block = Buffer.allocUnsafeSlow(BLOCK);
        used = 0;
      }
      const part = chunk.subarray(at, at + BLOCK - used);
      block.set(part, used);
      used += part.length;
      at += part.length;
    }
  }
  yield { block: block.subarray(0, used), last: true };
}
