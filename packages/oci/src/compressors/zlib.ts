import { promisify } from "node:util";
import { constants, deflateRaw, type ZlibOptions } from "node:zlib";
import type { DeflateBlock } from "../gzip.ts";

const deflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

/** Node's own zlib, on libuv's threads. */
export function deflateWithZlib(level: number): DeflateBlock {
  return (block, { last, dictionary }) =>
    deflate(block, {
      level,
      finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
}
