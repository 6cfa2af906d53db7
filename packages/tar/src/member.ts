import { type ByteString, bytesFromBuffer, type Entry, type FileEntry } from "@base-kit/core";
import type { ExtendedHeaders } from "./extended-headers.ts";
import { FIELD, type Field } from "./format.ts";
import { ID_AT_MOST } from "./limits.ts";
import { parseDecimal, parseDecimalSeconds } from "./number.ts";
import { entryPath } from "./path.ts";
import { refuse } from "./refuse.ts";
import { numberField, textField, typeflagOf, type Window } from "./window.ts";

/** An entry as its headers tell it; the `size` bytes of a file stand next in the archive. */
export type Member = Omit<FileEntry, "content"> | (Exclude<Entry, FileEntry> & { readonly size: 0 });

/** One header block with what the extended headers before it say. */
interface Header {
  readonly archive: string;
  readonly block: Window;
  readonly extended: ExtendedHeaders | undefined;
  readonly path: ByteString;
}

export function parseMember(archive: string, block: Window, extended: ExtendedHeaders | undefined): Member {
  const rawName = extended?.text("path") ?? extended?.longName ?? headerName(block);
  const path = entryPath(rawName);
  if (typeof path !== "string") return refuse("TAR_NAME", archive, path.refused, rawName);
  const header: Header = { archive, block, extended, path };
  const type = typeOf(header, rawName);
  const size = numeric(header, "size", "size");
  if (size < 0) refuse("TAR_NUMBER", archive, `its size is ${size}`, path);
  if (type !== "file" && size !== 0) {
    refuse("TAR_AMBIGUOUS", archive, `a ${type} with ${size} bytes of content, which tools read differently`, path);
  }
  const mode = numeric(header, "mode") & 0o7777;
  const uid = id(header, "uid");
  const gid = id(header, "gid");
  const mtime = numeric(header, "mtime", "mtime");
  const xattrs = extended?.xattrs();
  const metadata = { path, mode, uid, gid, mtime, ...(xattrs && { xattrs }) };
  switch (type) {
    case "file":
      return { type, ...metadata, size };
    case "symlink":
      return { type, ...metadata, size: 0, target: linkTarget(header) };
    case "hardlink": {
      const target = entryPath(linkTarget(header));
      if (typeof target !== "string") return refuse("TAR_LINK", archive, `hard link target: ${target.refused}`, path);
      return { type, ...metadata, size: 0, target };
    }
    case "character-device":
    case "block-device": {
      const major = numeric(header, "devmajor", "SCHILY.devmajor");
      return { type, ...metadata, size: 0, major, minor: numeric(header, "devminor", "SCHILY.devminor") };
    }
    default:
      return { type, ...metadata, size: 0 };
  }
}

function typeOf({ archive, block, path }: Header, rawName: ByteString): Entry["type"] {
  const typeflag = typeflagOf(block);
  const slash = rawName.endsWith("/");
  // Before POSIX there was no directory type, a slash at the end of the name told.
  const type = typeflag === "\0" && slash ? "directory" : TYPES[typeflag];
  if (type === undefined) {
    const sparse = typeflag === "S" ? " (sparse file)" : "";
    return refuse(
      "TAR_TYPE",
      archive,
      `its type ${JSON.stringify(typeflag)}${sparse} is not one an image can hold`,
      path,
    );
  }
  if (path === "" && type !== "directory") refuse("TAR_NAME", archive, "the root must be a directory", rawName);
  if (slash && type !== "directory") refuse("TAR_AMBIGUOUS", archive, `a ${type} whose name ends in a slash`, rawName);
  return type;
}

const TYPES: Readonly<Record<string, Entry["type"]>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
};

/** A number of the header, or of the pax record that stands in for it. */
function numeric({ archive, block, extended, path }: Header, field: Field, paxKey?: string): number {
  const text = paxKey === undefined ? undefined : extended?.text(paxKey);
  if (text === undefined) {
    return numberField(block, field) ?? refuse("TAR_NUMBER", archive, `its ${field} field is not a number`, path);
  }
  const value = field === "mtime" ? parseDecimalSeconds(text) : parseDecimal(text);
  return value ?? refuse("TAR_NUMBER", archive, `its pax ${paxKey} is not a number in range`, path);
}

function id(header: Header, field: "uid" | "gid"): number {
  const value = numeric(header, field, field);
  if (value < 0 || value > ID_AT_MOST) {
    refuse("TAR_NUMBER", header.archive, `its ${field} ${value} is not within 0 to ${ID_AT_MOST}`, header.path);
  }
  return value;
}

function linkTarget({ archive, block, extended, path }: Header): ByteString {
  const target = extended?.text("linkpath") ?? extended?.longLink ?? textField(block, "linkname");
  if (target === "") refuse("TAR_LINK", archive, "a link without a target", path);
  if (target.includes("\0")) refuse("TAR_LINK", archive, "its link target contains a NUL byte", path);
  if (target.length > 4095) refuse("TAR_LINK", archive, "its link target is longer than 4095 bytes", path);
  return target;
}

function headerName(block: Window): ByteString {
  const name = textField(block, "name");
  if (block.bytes[block.at + FIELD.prefix[0]] === 0) return name;
  // GNU's own format keeps times where POSIX keeps the prefix.
  const magic = block.at + FIELD.magic[0];
  const posix = bytesFromBuffer(block.bytes, magic, magic + 6) === "ustar\0";
  return posix ? (`${textField(block, "prefix")}/${name}` as ByteString) : name;
}
