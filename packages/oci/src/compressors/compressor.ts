import type { Context } from "@base-kit/core";
import { DEFAULT_GZIP_LEVEL, gzipPieces } from "../gzip.ts";
import type { Piece } from "../in-order.ts";
import { deflateWithZlib } from "./zlib.ts";

/** Makes the members of a layer. */
export interface Compressor {
  /** Implementation, version and level: under the same id, the same input gives the same bytes. */
  readonly id: string;
  readonly compression: "gzip" | "zstd";
  /** The input as a part of a compressed stream that can stand alone or between others. */
  pieces(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Piece<undefined>>;
}

export type CompressorName = "node" | "portable";

export interface CompressorOptions {
  readonly compression: "gzip" | "zstd";
}

export async function findCompressor(_options: CompressorOptions, _context: Context): Promise<Compressor> {
  return nodeGzip();
}

/** The version names the build too, where Node has its own (Chromium's); their bytes differ from the original's. */
function nodeGzip(level = DEFAULT_GZIP_LEVEL): Compressor {
  const deflate = deflateWithZlib(level);
  return {
    id: `node-zlib-${process.versions.zlib}/${process.arch}/${level}`,
    compression: "gzip",
    pieces: (chunks) => gzipPieces(chunks, deflate),
  };
}
