import { bytesFromBuffer } from "@base-kit/core";
import { BLOCK, FIELD } from "./format.ts";
import type { Member } from "./member.ts";

/**
 * Whether a block is, byte for byte, what `writeHeader` makes of the entry it stands for, told without making that entry: an
 * archive of many small files is read several times faster. No is always a safe answer, and the one for all that is rare:
 * devices, names that need a pax record, hidden files, the root, and the time 0, by which GNU tar says that one does not fit.
 */
export function isPlainHeader(block: Buffer, at: number): boolean {
  const type = block[at + FIELD.typeflag[0]] as number;
  if (!isPlainType(type) || block.compare(TAIL, 0, TAIL.length, at + TAIL_AT, at + BLOCK) !== 0) return false;
  const name = cleanPathEnd(block, at);
  if (name <= at || (block[name - 1] === SLASH) !== (type === DIRECTORY)) return false;
  const linkname = at + FIELD.linkname[0];
  const link = linkEnd(block, linkname, type);
  if (link < 0 || !isZeroFrom(block, name, at + FIELD.name[1]) || !isZeroFrom(block, link, at + TAIL_AT)) return false;
  if (!areNumbersEnded(block, at)) return false;
  const size = octal(block, at, "size");
  const mode = octal(block, at, "mode");
  if (size < 0 || (size > 0 && type !== FILE) || mode < 0 || mode > 0o7777) return false;
  if (octal(block, at, "uid") < 0 || octal(block, at, "gid") < 0 || octal(block, at, "mtime") <= 0) return false;
  const sum = sumOf(block, at, name) + sumOf(block, at + FIELD.mode[0], at + FIELD.checksum[0]) + type;
  return octal(block, at, "checksum") === sum + sumOf(block, linkname, link) + SUM_OF_FIXED;
}

/** The size that a plain header tells. */
export function plainSize(block: Buffer, at: number): number {
  return octal(block, at, "size");
}

/** What tells whether entries are a tree, without all that is needed to write one. */
export type EntryHead = Pick<Member, "path" | "type" | "size" | "mtime">;

/** That of a plain header. */
export function plainHead(block: Buffer, at: number): EntryHead {
  const type = TYPES[(block[at + FIELD.typeflag[0]] as number) - FILE] as Member["type"];
  const end = block.indexOf(0, at);
  const path = bytesFromBuffer(block, at, Math.min(end, at + FIELD.name[1]) - (type === "directory" ? 1 : 0));
  return { path, type, size: plainSize(block, at), mtime: octal(block, at, "mtime") };
}

const SPACE = 0x20;
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

/** From the magic to the end of the block: no user, no group, no device, no prefix. */
const TAIL = Buffer.from(
  `ustar\0${"00"}${"\0".repeat(64)}0000000\0${"0000000"}`.padEnd(BLOCK - FIELD.magic[0], "\0"),
  "latin1",
);
const TAIL_AT = FIELD.magic[0];
/** In it, and the checksum's own field, which counts as spaces. */
const SUM_OF_FIXED = sumOf(TAIL, 0, TAIL.length) + 8 * SPACE;

function sumOf(block: Buffer, from: number, end: number): number {
  let sum = 0;
  for (let place = from; place < end; place++) sum += block[place] as number;
  return sum;
}

/** The digits of each number, which fill its field but for what ends it. */
const DIGITS = { mode: 7, uid: 7, gid: 7, size: 11, mtime: 11, checksum: 6 } as const;

/** Below 0 when it has something else than digits. */
function octal(block: Buffer, at: number, field: keyof typeof DIGITS): number {
  const start = at + FIELD[field][0];
  const end = start + DIGITS[field];
  let value = 0;
  for (let place = start; place < end; place++) {
    const digit = (block[place] as number) - ZERO;
    if (digit < 0 || digit > 7) return -1;
    value = value * 8 + digit;
  }
  return value;
}

/** All by a NUL, and the checksum by a space after it. */
function areNumbersEnded(block: Buffer, at: number): boolean {
  for (const place of ENDS) if (block[at + place] !== 0) return false;
  return block[at + FIELD.checksum[0] + 7] === SPACE;
}

const ENDS = (Object.keys(DIGITS) as (keyof typeof DIGITS)[]).map((field) => FIELD[field][0] + DIGITS[field]);

/** One call into C++: a loop over a hundred bytes is slow until it is compiled. */
export function isZeroFrom(block: Buffer, at: number, end: number): boolean {
  return block.compare(ZEROS, 0, end - at, at, end) === 0;
}

const ZEROS = Buffer.alloc(BLOCK);

/** Where a path in ASCII that `entryPath` leaves as it is, but for a slash at its end, stops within its field of 100 bytes; below 0 for another. */
function cleanPathEnd(block: Buffer, at: number): number {
  const end = at + FIELD.name[1];
  let before = SLASH;
  let place = at;
  for (; place < end; place++) {
    const code = block[place] as number;
    if (code === 0) break;
    if (code > 0x7f || (before === SLASH && (code === SLASH || code === DOT))) return -1;
    before = code;
  }
  return place;
}

/** Where the link's target stops, at its beginning for what is no link; below 0 when it is not as it should be. */
function linkEnd(block: Buffer, at: number, type: number): number {
  if (type === HARDLINK) {
    const end = cleanPathEnd(block, at);
    return end > at && block[end - 1] !== SLASH ? end : -1;
  }
  if (type !== SYMLINK) return at;
  const limit = at + FIELD.linkname[1];
  let end = at;
  for (; end < limit && block[end] !== 0; end++) if ((block[end] as number) > 0x7f) return -1;
  return end > at ? end : -1;
}
