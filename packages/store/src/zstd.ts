import type { Transform } from "node:stream";
import zlib from "node:zlib";
import type { ChunkReader } from "./chunk-reader.ts";
import { damaged } from "./decompress-errors.ts";
import { through } from "./through.ts";
import { nextFrame } from "./zstd-frames.ts";

/** Concatenated zstd frames, skippable ones left out, by node:zlib where it has zstd (Node 22.15), else by WebAssembly. */
export async function* unzstd(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const decodeFrame = "createZstdDecompress" in zlib ? decodeByNode : await loadWasm();
  try {
    for (let frame = await nextFrame(reader); frame !== undefined; frame = await nextFrame(reader)) {
      yield* decodeFrame(frame);
    }
  } catch (error) {
    throw error instanceof InvalidZstd || isZlibError(error) ? damaged(reader, "not valid zstd", error) : error;
  }
}

type DecodeFrame = (frame: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

class InvalidZstd extends Error {}

/** One decoder per frame: that of node:zlib ends with the first one, without a word about the rest. */
function decodeByNode(frame: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress(options: object): Transform };
  return through(frame, createZstdDecompress({ chunkSize: 64 * 1024 }));
}

/** Small, so that the attempts that {@link IDLE_AT_MOST} allows take no time. */
const PIECE_SIZE = 64 * 1024;
/** Calls that neither want more input nor give output. The library repeats a failed call for ever, without telling. */
const IDLE_AT_MOST = 16;

async function loadWasm(): Promise<DecodeFrame> {
  const { ZSTDDecoder } = await import("zstddec/stream");
  const wasm = new ZSTDDecoder();
  await wasm.init();
  return (frame) => decodeByWasm(wasm, frame);
}

/**
 * The library pulls its input synchronously, at most one piece per step, so the next piece is laid ready before each step.
 */
async function* decodeByWasm(
  wasm: { decodeStreaming(pieces: Iterable<Uint8Array>): Iterator<Uint8Array> },
  frame: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let ready: Uint8Array | undefined;
  const input = (function* () {
    for (let piece = ready; piece !== undefined; piece = ready) {
      ready = undefined;
      yield piece;
    }
  })();
  const output = wasm.decodeStreaming(input);
  let idle = 0;
  const step = (): Uint8Array | undefined => {
    let result: IteratorResult<Uint8Array>;
    try {
      result = output.next();
    } catch (error) {
      throw new InvalidZstd("the decoder failed", { cause: error });
    }
    if (result.done) return undefined;
    idle = result.value.length > 0 ? 0 : idle + 1;
    if (idle > IDLE_AT_MOST) throw new InvalidZstd("the decoder makes no progress");
    return result.value;
  };
  for await (const piece of pieces(frame)) {
    ready = piece;
    while (ready !== undefined) {
      const chunk = step();
      if (chunk !== undefined && chunk.length > 0) yield chunk;
    }
    idle = 0;
  }
  for (let chunk = step(); chunk !== undefined; chunk = step()) if (chunk.length > 0) yield chunk;
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_SIZE) yield chunk.subarray(at, at + PIECE_SIZE);
  }
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(String(error.code));
}
