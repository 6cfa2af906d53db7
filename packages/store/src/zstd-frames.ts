import type { ChunkReader } from "./chunk-reader.ts";
import { damaged, unsupported } from "./decompress-errors.ts";

/** What the zstd program itself accepts without being told to (`--memory`). */
const WINDOW_AT_MOST = 128 * 1024 * 1024;
const BLOCK_AT_MOST = 128 * 1024;

/**
 * Comes to the next frame with content, passing over skippable ones.
 *
 * @returns its bytes, which have to be read to their end before anything else; undefined at the end of the data
 */
export async function nextFrame(reader: ChunkReader): Promise<AsyncGenerator<Uint8Array, void, undefined> | undefined> {
  while (!(await reader.atEnd())) {
    const magic = (await reader.peek(4)).length < 4 ? 0 : (await reader.peek(4)).readUInt32LE(0);
    if (magic === 0xfd2fb528) return frame(reader);
    if (magic >>> 4 !== 0x184d2a5) throw damaged(reader, "something that is not zstd follows the compressed data");
    const header = await reader.read(8);
    for await (const _ of reader.pass(header.readUInt32LE(4))) {
      // User data: RFC 8878 §3.1.2 leaves its meaning to others.
    }
  }
  return undefined;
}

/** The bytes of one frame, each given only after the structure around it was looked at: RFC 8878 §3.1.1. */
async function* frame(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const descriptor = (await reader.peek(5))[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionarySize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSizeFlag = descriptor >> 6;
  const contentSizeSize = contentSizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << contentSizeFlag;
  const header = await reader.read(5 + (singleSegment ? 0 : 1) + dictionarySize + contentSizeSize);
  if ((descriptor & 0x08) !== 0) throw damaged(reader, "a reserved bit of a frame header is set");
  const dictionaryAt = header.length - contentSizeSize - dictionarySize;
  if (header.subarray(dictionaryAt, dictionaryAt + dictionarySize).some((byte) => byte !== 0)) {
    throw unsupported(reader, "it needs a zstd dictionary that is not part of it");
  }
  const window = singleSegment ? contentSize(header, contentSizeSize) : windowSize(header.readUInt8(5));
  if (window > WINDOW_AT_MOST) {
    throw unsupported(
      reader,
      `its zstd window takes ${window} bytes of memory; the limit is ${WINDOW_AT_MOST}`,
      "Compress it again without --long and --ultra: zstd -dc --long=31 FILE | zstd > NEW.",
    );
  }
  yield header;
  for (let last = false; !last; ) {
    const block = await reader.read(3);
    const value = block.readUIntLE(0, 3);
    last = (value & 1) !== 0;
    const type = (value >> 1) & 3;
    const size = value >> 3;
    if (type === 3 || size > BLOCK_AT_MOST) throw damaged(reader, "a block of a kind or size that does not exist");
    yield block;
    // A block of type 1 is one byte that is repeated.
    yield* reader.pass(type === 1 ? 1 : size);
  }
  if ((descriptor & 0x04) !== 0) yield await reader.read(4);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(header: Buffer, size: number): number {
  const at = header.length - size;
  if (size === 8) return Number(header.readBigUInt64LE(at));
  return header.readUIntLE(at, size) + (size === 2 ? 256 : 0);
}
