import { promisify } from "node:util";
import { constants, deflateRaw, type ZlibOptions } from "node:zlib";
import type { DeflateBlock } from "../gzip.ts";

const deflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

/** Room for most compressed blocks: each time it is used up, the thread waits for this one to make more. */
const ROOM = 512 * 1024;

/** Node's own zlib, on libuv's threads. */
export function deflateWithZlib(level: number): DeflateBlock {
  return async (block, { last, dictionary }) => {
    const compressed = await deflate(block, {
      level,
      // A small block, of which there is one in most packages, needs no more than it can become.
      chunkSize: Math.min(ROOM, block.length + (block.length >> 4) + 1024),
      finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
    // The unused room is not kept with it.
    return Buffer.from(compressed);
  };
}
