import {
  BaseKitError,
  type ByteString,
  bytesFromBuffer,
  type Entry,
  type FileEntry,
  isUtf8,
  printable,
} from "@base-kit/core";
import { ChunkWriter } from "./chunk-writer.ts";
import { BLOCK, FIELD, type Field, padding } from "./format.ts";
import { octalLimit } from "./number.ts";
import { encodePax, type PaxRecord } from "./pax.ts";

/** An entry whose content does not matter here. */
export type HeaderSource = Exclude<Entry, FileEntry> | Omit<FileEntry, "content">;

/**
 * The header blocks of an entry: one ustar block, before it a pax header only where ustar cannot say it. Equal entries give
 * equal bytes: no process id, no user names, no times of access.
 *
 * @throws BaseKitError `TAR_UNREPRESENTABLE` (unsupported) for a device number beyond 2097151
 */
export function writeHeader(entry: HeaderSource, out: ChunkWriter): void {
  const name = entry.type === "directory" ? `${entry.path === "" ? "." : entry.path}/` : entry.path;
  const link = entry.type === "symlink" || entry.type === "hardlink" ? entry.target : "";
  const size = entry.type === "file" ? entry.size : 0;
  const { uid, gid, mtime } = entry;
  const records: PaxRecord[] = [];
  const text = (key: string, value: string) =>
    records.push({ key: key as ByteString, value: Buffer.from(value, "latin1") });
  if (!fits(name)) text("path", name);
  if (!fits(link)) text("linkpath", link);
  if (size > SIZE_AT_MOST) text("size", String(size));
  if (uid > USTAR_ID_AT_MOST) text("uid", String(uid));
  if (gid > USTAR_ID_AT_MOST) text("gid", String(gid));
  if (mtime < 0 || mtime > SIZE_AT_MOST) text("mtime", String(mtime));
  if (entry.xattrs !== undefined) {
    for (const [key, value] of entry.xattrs) records.push({ key: `SCHILY.xattr.${key}` as ByteString, value });
  }
  if (records.length > 0) out.append(paxBlocks(entry.path, records), false);
  const fields: HeaderFields = {
    name: name.slice(0, FIELD.name[1]),
    link: link.slice(0, FIELD.linkname[1]),
    typeflag: TYPEFLAGS[entry.type],
    mode: entry.mode & 0o7777,
    uid: uid > USTAR_ID_AT_MOST ? 0 : uid,
    gid: gid > USTAR_ID_AT_MOST ? 0 : gid,
    size: size > SIZE_AT_MOST ? 0 : size,
    mtime: mtime < 0 || mtime > SIZE_AT_MOST ? 0 : mtime,
    ...deviceNumbers(entry),
  };
  out.reserve(BLOCK, (chunk, at) => writeBlock(chunk, at, fields));
}

/** The header blocks alone, as bytes. */
export function encodeHeader(entry: HeaderSource): Buffer {
  const out = new ChunkWriter();
  writeHeader(entry, out);
  out.flush();
  return Buffer.concat(out.take());
}

/** What eleven and seven octal digits can say. */
const SIZE_AT_MOST = octalLimit(FIELD.size[1]);
const USTAR_ID_AT_MOST = octalLimit(FIELD.uid[1]);

const TYPEFLAGS = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
} as const satisfies Record<Entry["type"], string>;

/**
 * Whether ustar can say a name. Longer ones are not cut into its prefix, and what its characters beyond ASCII are it does not
 * tell: a pax record says both, as it does in GNU tar, whose archives then need no rewriting.
 */
function fits(name: string): boolean {
  return name.length <= FIELD.name[1] && !BEYOND_ASCII.test(name);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the bounds of ASCII
const BEYOND_ASCII = /[^\x00-\x7f]/;

function paxBlocks(path: ByteString, records: readonly PaxRecord[]): Buffer {
  const sorted = [...records].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const texts = sorted
    .filter(({ key }) => key === "path" || key === "linkpath")
    .map(({ value }) => bytesFromBuffer(value));
  // pax demands UTF-8; this record announces that names are plain bytes.
  const charset = texts.every(isUtf8) ? [] : [{ key: "hdrcharset" as ByteString, value: Buffer.from("BINARY") }];
  const content = Buffer.concat([...charset, ...sorted].map(encodePax));
  const blocks = Buffer.alloc(BLOCK + content.length + padding(content.length));
  const slash = path.lastIndexOf("/");
  // Only readers that know no pax see this name. It tells the folder, as far as it fits, so that nothing is overwritten.
  const name = `${slash < 0 ? "" : path.slice(0, slash + 1)}PaxHeaders/${path.slice(slash + 1)}`;
  writeBlock(blocks, 0, {
    name: name.length > FIELD.name[1] ? `PaxHeaders/${path.slice(slash + 1)}`.slice(0, FIELD.name[1]) : name,
    link: "",
    typeflag: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0,
    major: 0,
    minor: 0,
  });
  content.copy(blocks, BLOCK);
  return blocks;
}

function deviceNumbers(entry: HeaderSource): { readonly major: number; readonly minor: number } {
  if (entry.type !== "character-device" && entry.type !== "block-device") return { major: 0, minor: 0 };
  const limit = octalLimit(FIELD.devmajor[1]);
  if (entry.major > limit || entry.minor > limit) {
    throw new BaseKitError(
      "TAR_UNREPRESENTABLE",
      `cannot write the device ${printable(entry.path)} to a tar: its number ${entry.major}:${entry.minor} is beyond ${limit}`,
      { kind: "unsupported", hint: "Leave the device out: a container gets its devices from the engine." },
    );
  }
  return { major: entry.major, minor: entry.minor };
}

interface HeaderFields {
  readonly name: string;
  readonly link: string;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/** Writes into a block of zeros. */
function writeBlock(block: Buffer, at: number, fields: HeaderFields): void {
  const text = (field: Field, value: string) => {
    if (value !== "") block.write(value, at + FIELD[field][0], FIELD[field][1], "latin1");
  };
  const octal = (field: Field, value: number) => writeOctal(block, at + FIELD[field][0], FIELD[field][1] - 1, value);
  text("name", fields.name);
  octal("mode", fields.mode);
  octal("uid", fields.uid);
  octal("gid", fields.gid);
  octal("size", fields.size);
  octal("mtime", fields.mtime);
  text("typeflag", fields.typeflag);
  text("linkname", fields.link);
  text("magic", MAGIC);
  octal("devmajor", fields.major);
  octal("devminor", fields.minor);
  // Six digits, a NUL, a space, as every tar since the first has it.
  const sum = writtenSum(block, at);
  writeOctal(block, at + FIELD.checksum[0], 6, sum);
  block[at + FIELD.checksum[0] + 7] = 0x20;
}

/** The checksum of a block of ours: each text ends with its first NUL, so that the zeros behind it need no adding up. */
function writtenSum(block: Buffer, at: number): number {
  // The checksum's own field counts as spaces; the magic is always the same.
  let sum = 8 * 0x20 + MAGIC_SUM;
  for (const field of WRITTEN) {
    const start = at + FIELD[field][0];
    const end = start + FIELD[field][1];
    for (let place = start; place < end && block[place] !== 0; place++) sum += block[place] as number;
  }
  return sum;
}

const MAGIC = "ustar\x0000";
const MAGIC_SUM = Buffer.from(MAGIC).reduce((sum, byte) => sum + byte, 0);

const WRITTEN: readonly Field[] = [
  "name",
  "mode",
  "uid",
  "gid",
  "size",
  "mtime",
  "typeflag",
  "linkname",
  "devmajor",
  "devminor",
];

/** Zero-padded digits. Beyond 2^31 the bit operators would not do. */
function writeOctal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = Math.floor(rest / 8);
    block[place] = 0x30 + (rest - next * 8);
    rest = next;
  }
}
