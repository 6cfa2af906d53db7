import { bytesFromBuffer } from "@base-kit/core";
import { BLOCK, FIELD, type Field } from "./format.ts";
import { writtenSum } from "./header.ts";
import type { Member } from "./member.ts";

/**
 * Whether a block is, byte for byte, what `writeHeader` makes of the entry it stands for, told without making that entry: an
 * archive of many small files is read several times faster. No is always a safe answer, and the one for all that is rare:
 * devices, names that need a pax record, hidden files, the root, and the time 0, by which GNU tar says that one does not fit.
 */
export function isPlainHeader(block: Buffer, at: number): boolean {
  const type = block[at + FIELD.typeflag[0]] as number;
  if (!isPlainType(type) || !isSumRight(block, at)) return false;
  for (let field = 0; field < FIXED.length; field++) {
    const { offset, bytes } = FIXED[field] as FixedField;
    const start = at + offset;
    if (block.compare(bytes, 0, bytes.length, start, start + bytes.length) !== 0) return false;
  }
  if (!isOctal(block, at + FIELD.mode[0] + 3, 4) || !isOctal(block, at + FIELD.uid[0], 7)) return false;
  if (!isOctal(block, at + FIELD.gid[0], 7) || !isOctal(block, at + FIELD.size[0], 11)) return false;
  if (!isOctal(block, at + FIELD.mtime[0], 11) || isNought(block, at + FIELD.mtime[0], 11)) return false;
  if (type !== FILE && !isNought(block, at + FIELD.size[0], 11)) return false;
  const name = cleanPathLength(block, at + FIELD.name[0]);
  const slash = name > 0 && block[at + name - 1] === SLASH;
  if (name < 1 || slash !== (type === DIRECTORY) || !isZeroFrom(block, at + name, at + FIELD.name[1])) return false;
  const linkname = at + FIELD.linkname[0];
  const linknameEnd = linkname + FIELD.linkname[1];
  if (type === HARDLINK) {
    const target = cleanPathLength(block, linkname);
    if (target < 1 || block[linkname + target - 1] === SLASH) return false;
    return isZeroFrom(block, linkname + target, linknameEnd);
  }
  let end = linkname;
  if (type === SYMLINK) {
    for (; end < linknameEnd && block[end] !== 0; end++) if ((block[end] as number) > 0x7f) return false;
  }
  return (type === SYMLINK) === end > linkname && isZeroFrom(block, end, linknameEnd);
}

/** What tells whether entries are a tree, without all that is needed to write one. */
export type EntryHead = Pick<Member, "path" | "type" | "size" | "mtime">;

/** That of a plain header, whose size was read before. */
export function plainHead(block: Buffer, at: number, size: number): EntryHead {
  const type = TYPES[(block[at + FIELD.typeflag[0]] as number) - FILE] as Member["type"];
  const end = block.indexOf(0, at);
  const path = bytesFromBuffer(block, at, Math.min(end, at + FIELD.name[1]) - (type === "directory" ? 1 : 0));
  return { path, type, size, mtime: plainNumber(block, at, "mtime") };
}

/** A number that a plain header tells, which has eleven digits. */
export function plainNumber(block: Buffer, at: number, field: "size" | "mtime"): number {
  let value = 0;
  const start = at + FIELD[field][0];
  for (let place = start; place < start + 11; place++) value = value * 8 + (block[place] as number) - ZERO;
  return value;
}

const ZERO = 0x30;
const SLASH = 0x2f;
const DOT = 0x2e;
const FILE = 0x30;
const HARDLINK = 0x31;
const SYMLINK = 0x32;
const DIRECTORY = 0x35;
const FIFO = 0x36;

/** By their digits, from that of a file on. */
const TYPES: readonly (Member["type"] | undefined)[] = [
  "file",
  "hardlink",
  "symlink",
  undefined,
  undefined,
  "directory",
  "fifo",
];

function isPlainType(type: number): boolean {
  return type === FILE || type === HARDLINK || type === SYMLINK || type === DIRECTORY || type === FIFO;
}

interface FixedField {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What is the same in every plain header. */
const FIXED: readonly FixedField[] = [
  // A mode has four digits that count.
  fixed("mode", 0, "000"),
  fixed("mode", 7, "\0"),
  fixed("uid", 7, "\0"),
  fixed("gid", 7, "\0"),
  fixed("size", 11, "\0"),
  fixed("mtime", 11, "\0"),
  fixed("checksum", 6, "\0 "),
  // From the magic to the end of the block: no user, no group, no device, no prefix.
  fixed("magic", 0, `ustar\0${"00"}${"\0".repeat(64)}0000000\0${"0000000"}`.padEnd(BLOCK - FIELD.magic[0], "\0")),
];

function fixed(field: Field, skip: number, text: string): FixedField {
  return { offset: FIELD[field][0] + skip, bytes: Buffer.from(text, "latin1") };
}

/** Right if what stands behind the NUL of each text is zeros, which is looked at elsewhere. */
function isSumRight(block: Buffer, at: number): boolean {
  const field = at + FIELD.checksum[0];
  let told = 0;
  for (let place = field; place < field + 6; place++) {
    const digit = (block[place] as number) - ZERO;
    if (digit < 0 || digit > 7) return false;
    told = told * 8 + digit;
  }
  return told === writtenSum(block, at);
}

function isOctal(block: Buffer, at: number, digits: number): boolean {
  for (let place = at; place < at + digits; place++) {
    const digit = (block[place] as number) - ZERO;
    if (digit < 0 || digit > 7) return false;
  }
  return true;
}

function isNought(block: Buffer, at: number, digits: number): boolean {
  for (let place = at; place < at + digits; place++) if (block[place] !== ZERO) return false;
  return true;
}

/** One call into C++: a loop over a hundred bytes is slow until it is compiled. */
export function isZeroFrom(block: Buffer, at: number, end: number): boolean {
  return block.compare(ZEROS, 0, end - at, at, end) === 0;
}

const ZEROS = Buffer.alloc(BLOCK);

/** Bytes up to the NUL or the field's end, when they are a path in ASCII that `entryPath` leaves as it is but for a slash at its end; else -1. */
function cleanPathLength(block: Buffer, at: number): number {
  const end = at + FIELD.name[1];
  let before = SLASH;
  let place = at;
  for (; place < end; place++) {
    const code = block[place] as number;
    if (code === 0) break;
    if (code > 0x7f || (before === SLASH && (code === SLASH || code === DOT))) return -1;
    before = code;
  }
  return place - at;
}
