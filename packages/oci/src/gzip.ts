import { crc32 } from "node:zlib";
import { Rooms } from "@base-kit/store";
import { blocksOf } from "./blocks.ts";
import type { Piece } from "./in-order.ts";

const BLOCK = 1024 ** 2;
/** Blocks that were compressed make room for others, also of the next member. */
const rooms = new Rooms({ size: BLOCK, atMost: 8 });
/** Deflate looks this far back; each block is given the end of the one before, so that cutting costs no size. */
const WINDOW = 32 * 1024;

/**
 * One block of a deflate stream (RFC 1951): byte-aligned at its end and to be followed by another, or the last.
 * `dictionary` is what comes before it.
 */
export type DeflateBlock = (
  block: Buffer,
  options: { readonly last: boolean; readonly dictionary: Buffer | undefined },
) => Promise<Buffer>;

/**
 * One gzip member (RFC 1952) as pieces that are still in the making. The bytes follow from the input and the compressor alone, not
 * from the pieces the input comes in or the number of threads; no name, no time.
 */
export async function* gzipPieces(
  chunks: AsyncIterable<Uint8Array>,
  deflate: DeflateBlock,
): AsyncGenerator<Piece<undefined>, void, void> {
  yield { of: undefined, bytes: Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]) };
  let dictionary: Buffer | undefined;
  let sum = 0;
  let size = 0;
  for await (const { block, last } of blocksOf(chunks, BLOCK, () => Buffer.from(rooms.take()))) {
    sum = crc32(block, sum);
    size += block.length;
    const bytes = deflate(block, { last, dictionary });
    dictionary = last ? undefined : Buffer.from(block.subarray(block.length - WINDOW));
    // Whether it worked, whoever takes the piece is told.
    void bytes.catch(() => {}).then(() => rooms.giveBack(block.buffer as ArrayBuffer));
    yield { of: undefined, bytes };
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum >>> 0, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield { of: undefined, bytes: trailer };
}
