import {
  BaseKitError,
  type ByteString,
  bytesFromBuffer,
  type Entry,
  type FileEntry,
  isUtf8,
  printable,
} from "@base-kit/core";
import { BLOCK, checksum, FIELD, type Field, padding } from "./format.ts";
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
export function encodeHeader(entry: HeaderSource): Buffer {
  const name = entry.type === "directory" ? `${entry.path === "" ? "." : entry.path}/` : entry.path;
  const split = splitName(name);
  const link = entry.type === "symlink" || entry.type === "hardlink" ? entry.target : "";
  const size = entry.type === "file" ? entry.size : 0;
  const records: PaxRecord[] = [];
  const text = (key: string, value: string) =>
    records.push({ key: key as ByteString, value: Buffer.from(value, "latin1") });
  if (split === undefined) text("path", name);
  if (link.length > FIELD.linkname[1]) text("linkpath", link);
  if (size > octalLimit(FIELD.size[1])) text("size", String(size));
  if (entry.uid > octalLimit(FIELD.uid[1])) text("uid", String(entry.uid));
  if (entry.gid > octalLimit(FIELD.gid[1])) text("gid", String(entry.gid));
  if (entry.mtime < 0 || entry.mtime > octalLimit(FIELD.mtime[1])) text("mtime", String(entry.mtime));
  for (const [key, value] of entry.xattrs ?? []) records.push({ key: `SCHILY.xattr.${key}` as ByteString, value });

  const pax = records.length === 0 ? undefined : paxBlocks(entry.path, records);
  const blocks = Buffer.alloc((pax?.length ?? 0) + BLOCK);
  pax?.copy(blocks);
  writeBlock(blocks, pax?.length ?? 0, {
    name: split?.name ?? name.slice(0, FIELD.name[1]),
    prefix: split?.prefix ?? "",
    link: link.slice(0, FIELD.linkname[1]),
    typeflag: TYPEFLAGS[entry.type],
    mode: entry.mode & 0o7777,
    uid: entry.uid > octalLimit(FIELD.uid[1]) ? 0 : entry.uid,
    gid: entry.gid > octalLimit(FIELD.gid[1]) ? 0 : entry.gid,
    size: size > octalLimit(FIELD.size[1]) ? 0 : size,
    mtime: entry.mtime < 0 || entry.mtime > octalLimit(FIELD.mtime[1]) ? 0 : entry.mtime,
    ...deviceNumbers(entry),
  });
  return blocks;
}

const TYPEFLAGS = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
} as const satisfies Record<Entry["type"], string>;

/** The name as ustar keeps it: whole, or cut at a slash into prefix and name. */
function splitName(name: string): { readonly name: string; readonly prefix: string } | undefined {
  const [, nameLength] = FIELD.name;
  if (name.length <= nameLength) return { name, prefix: "" };
  // The slash of a folder's name at the very end cannot be the cut: the name would be empty.
  const cut = name.indexOf("/", name.length - nameLength - 1);
  if (cut <= 0 || cut > FIELD.prefix[1] || cut === name.length - 1) return undefined;
  return { name: name.slice(cut + 1), prefix: name.slice(0, cut) };
}

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
    prefix: "",
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
  readonly prefix: string;
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

function writeBlock(blocks: Buffer, at: number, fields: HeaderFields): void {
  const text = (field: Field, value: string) => blocks.write(value, at + FIELD[field][0], FIELD[field][1], "latin1");
  const octal = (field: Field, value: number) =>
    blocks.write(value.toString(8).padStart(FIELD[field][1] - 1, "0"), at + FIELD[field][0], "latin1");
  text("name", fields.name);
  octal("mode", fields.mode);
  octal("uid", fields.uid);
  octal("gid", fields.gid);
  octal("size", fields.size);
  octal("mtime", fields.mtime);
  text("typeflag", fields.typeflag);
  text("linkname", fields.link);
  text("magic", "ustar\x0000");
  octal("devmajor", fields.major);
  octal("devminor", fields.minor);
  text("prefix", fields.prefix);
  blocks.write(`${checksum(blocks, at).toString(8).padStart(6, "0")}\0 `, at + FIELD.checksum[0], "latin1");
}
