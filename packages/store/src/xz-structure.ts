import { crc32 } from "node:zlib";
import type { ChunkReader } from "./chunk-reader.ts";
import { damaged, unsupported } from "./decompress-errors.ts";

/** `xz -9` takes 64 MiB; whatever asks for more wants to use up memory. */
const DICTIONARY_AT_MOST = 128 * 1024 * 1024;

const LZMA2 = 0x21;
const FILTERS: Readonly<Record<number, string>> = {
  3: "delta",
  4: "x86 BCJ",
  5: "PowerPC BCJ",
  6: "IA-64 BCJ",
  7: "ARM BCJ",
  8: "ARM-Thumb BCJ",
  9: "SPARC BCJ",
  10: "ARM64 BCJ",
  11: "RISC-V BCJ",
};
/** Bytes of the check after each block, by its id. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;
/** None, CRC32 and CRC64: what the decoder can compute. */
const KNOWN_CHECKS = [0, 1, 4];
const HINT = "Compress it again without special options: xz -dc FILE | xz > NEW.";

/**
 * The bytes of .xz data, each given only after the structure around it was looked at: the decoder behind never sees a
 * dictionary size, filter or check that it must not or cannot handle, in any block of any stream.
 *
 * Source: The .xz File Format 1.2.1, tukaani.org/xz/xz-file-format.txt
 */
export async function* checkedXz(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  do {
    yield* stream(reader);
    yield* streamPadding(reader);
  } while (!(await reader.atEnd()));
}

async function* stream(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  const header = await reader.read(12);
  if (header.subarray(0, 6).toString("latin1") !== "\xfd7zXZ\0")
    throw damaged(reader, "something that is not xz follows");
  if (crc32(header.subarray(6, 8)) !== header.readUInt32LE(8))
    throw damaged(reader, "wrong checksum of the stream header");
  const check = header.readUInt8(7);
  if (!KNOWN_CHECKS.includes(check)) throw unsupported(reader, `its xz integrity check has the id ${check}`, HINT);
  yield header;
  let blocks = 0;
  while ((await reader.peek(1))[0] !== 0) {
    yield* block(reader, CHECK_SIZES[check] ?? 0);
    blocks++;
  }
  yield* index(reader, blocks);
  yield await reader.read(12);
}

async function* block(reader: ChunkReader, checkSize: number): AsyncGenerator<Uint8Array, void, undefined> {
  const size = (((await reader.peek(1))[0] ?? 1) + 1) * 4;
  const header = await reader.read(size);
  if (crc32(header.subarray(0, size - 4)) !== header.readUInt32LE(size - 4)) {
    throw damaged(reader, "wrong checksum of a block header");
  }
  assertFilters(reader, header.subarray(0, size - 4));
  yield header;
  let compressed = 0;
  for (;;) {
    const chunk = await lzma2ChunkHeader(reader);
    yield chunk.header;
    yield* reader.pass(chunk.size);
    compressed += chunk.header.length + chunk.size;
    if (chunk.header[0] === 0) break;
  }
  const padding = -compressed & 3;
  if (padding + checkSize > 0) yield await reader.read(padding + checkSize);
}

function assertFilters(reader: ChunkReader, header: Buffer): void {
  const flags = header.readUInt8(1);
  let at = 2;
  const number = (): number => {
    const { value, end } = multibyteInteger(reader, header, at);
    at = end;
    return value;
  };
  if (flags & 0x40) number();
  if (flags & 0x80) number();
  for (let filter = 0; filter <= (flags & 3); filter++) {
    const id = number();
    const propertiesSize = number();
    if (at + propertiesSize > header.length) throw damaged(reader, "a block header is too short for its filters");
    if (id !== LZMA2) throw unsupported(reader, `it uses the ${FILTERS[id] ?? `unknown (${id})`} filter of xz`, HINT);
    if (propertiesSize !== 1) throw damaged(reader, "a filter has properties of the wrong size");
    assertDictionary(reader, header.readUInt8(at));
    at += propertiesSize;
  }
}

function assertDictionary(reader: ChunkReader, bits: number): void {
  if (bits > 40) throw damaged(reader, "a dictionary size that does not exist");
  const size = bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  if (size <= DICTIONARY_AT_MOST) return;
  throw unsupported(
    reader,
    `its xz dictionary takes ${size} bytes of memory; the limit is ${DICTIONARY_AT_MOST}`,
    HINT,
  );
}

/** The control byte of a chunk tells its size: §5.3.1 and the comments of xz's lzma2_decoder.c. */
async function lzma2ChunkHeader(reader: ChunkReader): Promise<{ readonly header: Buffer; readonly size: number }> {
  const control = (await reader.peek(1))[0];
  if (control === 0) return { header: await reader.read(1), size: 0 };
  if (control === 1 || control === 2) {
    const header = await reader.read(3);
    return { header, size: header.readUInt16BE(1) + 1 };
  }
  if (control !== undefined && control < 0x80) throw damaged(reader, "an LZMA2 chunk of a kind that does not exist");
  const header = await reader.read(control !== undefined && control >= 0xc0 ? 6 : 5);
  return { header, size: header.readUInt16BE(3) + 1 };
}

/** Only its length matters here: the decoder compares its content. */
async function* index(reader: ChunkReader, blocks: number): AsyncGenerator<Uint8Array, void, undefined> {
  const parts = [await reader.read(1)];
  const number = async (): Promise<number> => {
    let size = 1;
    while (size < 9 && ((await reader.peek(size))[size - 1] ?? 0) >= 0x80) size++;
    const bytes = await reader.read(size);
    parts.push(bytes);
    return multibyteInteger(reader, bytes, 0).value;
  };
  const records = await number();
  if (records !== blocks) throw damaged(reader, `the index lists ${records} blocks, there are ${blocks}`);
  for (let record = 0; record < records; record++) {
    await number();
    await number();
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(await reader.read((-length & 3) + 4));
  yield Buffer.concat(parts);
}

async function* streamPadding(reader: ChunkReader): AsyncGenerator<Uint8Array, void, undefined> {
  while ((await reader.peek(1))[0] === 0) {
    const padding = await reader.read(4);
    if (padding.some((byte) => byte !== 0)) throw damaged(reader, "the padding of an xz stream holds something");
    yield padding;
  }
}

/** Variable-length integer of §1.2; values beyond 2^53 lose precision, but nothing real comes near. */
function multibyteInteger(
  reader: ChunkReader,
  bytes: Buffer,
  start: number,
): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 9; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  throw damaged(reader, "a number that does not end");
}
