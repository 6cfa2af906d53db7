import { BaseKitError, type Context } from "@base-kit/core";
import { type DeflateBlock, gzipPieces } from "../gzip.ts";
import { inOrder, type Piece } from "../in-order.ts";
import { portableDeflate } from "./portable.ts";
import { deflateWithZlib } from "./zlib.ts";
import { findZstd } from "./zstd.ts";

/** Makes the members of a layer. */
export interface Compressor {
  /** Implementation, version and level: under the same id, the same input gives the same bytes. */
  readonly id: string;
  readonly compression: "gzip" | "zstd";
  /** The input as a part of a compressed stream that can stand alone or between others. */
  pieces(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Piece<undefined>>;
}

export interface CompressorOptions {
  readonly compression: "gzip" | "zstd";
  /**
   * `node` is what this Node has: fast, and other builds of Node may give other bytes. `portable` gives the same bytes with every
   * Node on every machine, at a third of the speed.
   *
   * @default node
   */
  readonly compressor?: "node" | "portable";
}

/** @throws BaseKitError `COMPRESSOR_UNSUPPORTED` (usage): zstd is not portable; `ZSTD_MISSING` (environment) */
export async function findCompressor(
  { compression, compressor = "node" }: CompressorOptions,
  context: Context,
): Promise<Compressor> {
  if (compression === "gzip") return compressor === "portable" ? PORTABLE : nodeGzip();
  requireCompressor({ compression, compressor });
  return findZstd(context);
}

/**
 * That there is such a compressor, before any work is done.
 *
 * @throws BaseKitError `COMPRESSOR_UNSUPPORTED` (usage)
 */
export function requireCompressor({
  compression,
  compressor,
}: {
  readonly compression?: string;
  readonly compressor?: string;
}): void {
  if (compression !== "zstd" || compressor !== "portable") return;
  throw new BaseKitError("COMPRESSOR_UNSUPPORTED", "the portable compressor makes gzip, not zstd", {
    kind: "usage",
    hint: "Leave out --compression zstd or --compressor portable.",
  });
}

/** A stream compressed by it; `atOnce` says how many pieces may be in the making, where not all cores shall be used. */
export async function* compressed(
  chunks: AsyncIterable<Uint8Array>,
  compressor: Compressor,
  atOnce?: number,
): AsyncGenerator<Buffer, void, void> {
  for await (const { bytes } of inOrder(compressor.pieces(chunks), atOnce)) yield bytes;
}

/** Of zlib: beyond it a layer takes three times as long for a percent. */
const LEVEL = 6;

/** The version names the build too where Node has its own (Chromium's), whose bytes are not the original's. */
function nodeGzip(): Compressor {
  const id = `node-zlib-${process.versions.zlib}/${process.arch}/${LEVEL}`;
  return gzipWith(id, deflateWithZlib(LEVEL));
}

/** The number is raised with every change of its bytes. */
const PORTABLE = gzipWith("portable-1", portableDeflate);

function gzipWith(id: string, deflate: DeflateBlock): Compressor {
  return { id, compression: "gzip", pieces: (chunks) => gzipPieces(chunks, deflate) };
}
