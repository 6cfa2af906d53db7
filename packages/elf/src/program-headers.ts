import type { Decoder, Layout } from "./decode.ts";
import { malformed, readAddress, readWord } from "./decode.ts";
import type { ElfHeader } from "./header.ts";

/** A part of the file as the kernel and the dynamic linker see it. */
export interface ProgramHeader {
  /** `p_type`. */
  readonly type: number;
  readonly offset: bigint;
  readonly address: bigint;
  /** Bytes in the file. */
  readonly fileSize: bigint;
  /** `p_align`: 8 in notes that were made for it, else 4 (or less) there. */
  readonly alignment: bigint;
}

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;

// Linux refuses to execute a program with more (fs/binfmt_elf.c, load_elf_phdrs).
const TABLE_AT_MOST = 65_536;

/** gABI, chapter 5, "Program Header". Sections are never looked at: they may be stripped, and no loader reads them. */
export function readProgramHeaders(file: Decoder, header: ElfHeader): readonly ProgramHeader[] {
  const { offset, entrySize, count } = header.programHeaders;
  if (count === 0) return [];
  const expected = header.class === 64 ? 56 : 32;
  if (entrySize !== expected) {
    throw malformed(file.name, `its program headers are ${entrySize} bytes each, expected ${expected}`);
  }
  if (count * entrySize > TABLE_AT_MOST) {
    throw malformed(file.name, `it has ${count} program headers, Linux takes ${Math.floor(TABLE_AT_MOST / entrySize)}`);
  }
  const table = file.bytes(offset, count * entrySize, "the program headers");
  const segments = Array.from({ length: count }, (_, index) => programHeader(table, index * entrySize, header));
  // The kernel does not look, and the program dies of SIGBUS where its end is missing.
  for (const segment of segments) {
    if (segment.type === PT_LOAD) file.require(segment.offset, segment.fileSize, "a loaded segment");
  }
  return segments;
}

function programHeader(table: Buffer, at: number, layout: Layout): ProgramHeader {
  const wide = layout.class === 64;
  return {
    type: readWord(table, at, layout),
    offset: readAddress(table, at + (wide ? 8 : 4), layout),
    address: readAddress(table, at + (wide ? 16 : 8), layout),
    fileSize: readAddress(table, at + (wide ? 32 : 16), layout),
    alignment: readAddress(table, at + (wide ? 48 : 28), layout),
  };
}

/** Where in the file `length` bytes from an address on are, or as many of them as their segment has. */
export function locate(
  segments: readonly ProgramHeader[],
  { address, length }: { readonly address: bigint; readonly length: bigint },
): { readonly offset: bigint; readonly length: bigint } | undefined {
  // The loader maps one segment after the other, so where two overlap the later one is seen.
  const segment = segments.findLast(
    ({ type, address: start, fileSize }) => type === PT_LOAD && address >= start && address - start < fileSize,
  );
  if (segment === undefined) return undefined;
  const inside = address - segment.address;
  const isWhole = length <= segment.fileSize - inside;
  return { offset: segment.offset + inside, length: isWhole ? length : segment.fileSize - inside };
}
