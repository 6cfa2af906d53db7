import { type ByteString, bytesFromBuffer, type Entry, type FileEntry } from "@base-kit/core";
import { BLOCK, checksum, FIELD, type Field } from "./format.ts";
import { ID_AT_MOST, type TarLimits } from "./limits.ts";
import { parseDecimal, parseDecimalSeconds, parseNumber } from "./number.ts";
import { entryPath } from "./path.ts";
import { type PaxRecord, parsePax } from "./pax.ts";
import { refuse } from "./refuse.ts";

/** An entry as its headers tell it; the `size` bytes of a file stand next in the archive. */
export type Member = Omit<FileEntry, "content"> | (Exclude<Entry, FileEntry> & { readonly size: 0 });

/** The bytes the parser asked for, in place: an object per header would be most of the work of reading it. */
export interface Window {
  bytes: Buffer;
  at: number;
  /** As many as were wanted; fewer only at the end of the input. */
  length: number;
}

/**
 * Reads the headers of an archive. It is a coroutine, so that the same code serves a file with positions and a stream: it
 * yields how many bytes it wants next and is resumed when they are in the window, or it yields a member and is resumed when
 * the caller has passed over `size` bytes and their padding.
 *
 * Where trusted tools disagree about the meaning of an archive, the archive is refused: each such disagreement is a place
 * to hide something from one of them.
 */
export function* parseTar(archive: string, limits: TarLimits, window: Window): Generator<number | Member, void, void> {
  let entries = 0;
  let unpacked = 0;
  for (;;) {
    yield BLOCK;
    if (isEndMarker(archive, window)) break;
    let extended: ExtendedHeaders | undefined;
    while (isExtended(window)) {
      extended ??= new ExtendedHeaders(archive);
      const kind = typeflagOf(window);
      extended.add(kind, yield* extendedContent(archive, window, limits));
      yield BLOCK;
      if (isEndMarker(archive, window)) {
        refuse("TAR_TRUNCATED", archive, "an extended header is followed by the end instead of its entry");
      }
    }
    const member = parseMember(archive, window, extended);
    if (++entries > limits.entries) {
      refuse("TAR_TOO_LARGE", archive, `it has more than ${limits.entries} entries`, member.path);
    }
    unpacked += member.size;
    if (unpacked > limits.unpacked) {
      refuse("TAR_TOO_LARGE", archive, `its files are larger than ${limits.unpacked} bytes together`, member.path);
    }
    yield member;
  }
  yield* expectOnlyZeros(archive, window);
}

/** Whether the block is the first of the end marker; if not, it is a sound header. */
function isEndMarker(archive: string, window: Window): boolean {
  if (window.length < BLOCK) {
    // An archive cut between two entries looks complete but for its missing end marker.
    refuse("TAR_TRUNCATED", archive, "it ends without the end-of-archive marker; expected two blocks of zeros");
  }
  if (window.bytes[window.at] === 0 && isZero(window)) return true;
  if (numberField(window, "checksum") !== checksum(window.bytes, window.at)) {
    refuse("TAR_NOT_TAR", archive, "expected a tar header with its checksum, found other data");
  }
  return false;
}

function* expectOnlyZeros(archive: string, window: Window): Generator<number, void, void> {
  for (;;) {
    yield 64 * BLOCK;
    if (!isZero(window)) refuse("TAR_TRAILING_DATA", archive, "data follows the end-of-archive marker");
    if (window.length < 64 * BLOCK) return;
  }
}

function typeflagOf({ bytes, at }: Window): string {
  return String.fromCharCode(bytes[at + FIELD.typeflag[0]] as number);
}

function isExtended(window: Window): boolean {
  const code = window.bytes[window.at + FIELD.typeflag[0]];
  return code === 0x78 || code === 0x67 || code === 0x4c || code === 0x4b; // x g L K
}

function* extendedContent(archive: string, window: Window, limits: TarLimits): Generator<number, Buffer, void> {
  const size = numberField(window, "size");
  if (size === undefined || size < 1 || size > limits.extendedHeader) {
    const found = size ?? "an unreadable number of";
    return refuse(
      "TAR_EXTENDED_HEADER",
      archive,
      `an extended header has ${found} bytes; expected 1 to ${limits.extendedHeader}`,
    );
  }
  const padded = Math.ceil(size / BLOCK) * BLOCK;
  yield padded;
  if (window.length < padded) refuse("TAR_TRUNCATED", archive, "it ends within an extended header");
  // xattrs keep parts of it, and the next header will take its place in the window.
  return Buffer.from(window.bytes.subarray(window.at, window.at + size));
}

/** What pax and GNU long-name headers say about the entry that follows them. */
class ExtendedHeaders {
  readonly #archive: string;
  readonly #seen = new Set<string>();
  readonly records = new Map<ByteString, Uint8Array>();
  longName: ByteString | undefined;
  longLink: ByteString | undefined;

  constructor(archive: string) {
    this.#archive = archive;
  }

  add(kind: string, content: Buffer): void {
    // GNU tar, Go and Python disagree about which of several extended headers wins.
    if (
      this.#seen.has(kind) ||
      (kind === "x" ? this.#seen.has("L") || this.#seen.has("K") : kind !== "g" && this.#seen.has("x"))
    ) {
      refuse("TAR_AMBIGUOUS", this.#archive, "several extended headers of one entry, which tools read differently");
    }
    this.#seen.add(kind);
    if (kind === "L") this.longName = this.#untilNul(content);
    else if (kind === "K") this.longLink = this.#untilNul(content);
    else this.#addRecords(content, kind === "g");
  }

  #addRecords(content: Buffer, global: boolean): void {
    const records = parsePax(content);
    if ("refused" in records) refuse("TAR_PAX", this.#archive, records.refused);
    for (const record of records) {
      if (record.key.startsWith("GNU.sparse.")) {
        refuse("TAR_SPARSE", this.#archive, "it holds a sparse file, which would expand without bound in an image");
      }
      if (!isRelevant(record)) continue;
      if (global)
        refuse(
          "TAR_AMBIGUOUS",
          this.#archive,
          `a global header sets ${record.key} for all entries, which tools read differently`,
        );
      if (this.records.has(record.key))
        refuse("TAR_AMBIGUOUS", this.#archive, `${record.key} is given twice for one entry`);
      this.records.set(record.key, record.value);
    }
  }

  #untilNul(content: Buffer): ByteString {
    const nul = content.indexOf(0);
    if (nul >= 0 && content.subarray(nul).some((byte) => byte !== 0)) {
      refuse("TAR_EXTENDED_HEADER", this.#archive, "a long name contains a NUL byte");
    }
    return bytesFromBuffer(content, 0, nul < 0 ? content.length : nul);
  }

  text(key: string): ByteString | undefined {
    const value = this.records.get(key as ByteString);
    // An empty value takes the record back: the header's own field counts.
    return value === undefined || value.length === 0 ? undefined : bytesFromBuffer(value);
  }

  xattrs(): ReadonlyMap<ByteString, Uint8Array> | undefined {
    const found = [...this.records].filter(([key]) => key.startsWith(XATTR));
    if (found.length === 0) return undefined;
    // File systems list them in any order; equal files must be equal entries.
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(found.map(([key, value]) => [key.slice(XATTR.length) as ByteString, value]));
  }
}

const XATTR = "SCHILY.xattr.";
const RELEVANT = new Set(["path", "linkpath", "size", "uid", "gid", "mtime", "SCHILY.devmajor", "SCHILY.devminor"]);

function isRelevant({ key }: PaxRecord): boolean {
  return RELEVANT.has(key) || key.startsWith(XATTR);
}

function parseMember(archive: string, block: Window, extended: ExtendedHeaders | undefined): Member {
  const rawName = extended?.text("path") ?? extended?.longName ?? headerName(block);
  const resolved = entryPath(rawName);
  if (typeof resolved !== "string") return refuse("TAR_NAME", archive, resolved.refused, rawName);
  const path = resolved;
  const number = (field: Field): number =>
    numberField(block, field) ?? refuse("TAR_NUMBER", archive, `its ${field} field is not a number`, path);
  const paxNumber = (key: string, field: Field): number => {
    const text = extended?.text(key);
    if (text === undefined) return number(field);
    const parse = key === "mtime" ? parseDecimalSeconds : parseDecimal;
    return parse(text) ?? refuse("TAR_NUMBER", archive, `its pax ${key} is not a number in range`, path);
  };
  const id = (key: "uid" | "gid"): number => {
    const value = paxNumber(key, key);
    if (value < 0 || value > ID_AT_MOST)
      refuse("TAR_NUMBER", archive, `its ${key} ${value} is not within 0 to ${ID_AT_MOST}`, path);
    return value;
  };
  const typeflag = typeflagOf(block);
  const slash = rawName.endsWith("/");
  // Before POSIX there was no directory type, a slash at the end of the name told.
  const type = typeflag === "\0" && slash ? "directory" : TYPES[typeflag];
  if (type === undefined)
    return refuse(
      "TAR_TYPE",
      archive,
      `its type ${JSON.stringify(typeflag)} is not one an image can hold${typeflag === "S" ? " (sparse file)" : ""}`,
      path,
    );
  if (path === "" && type !== "directory") refuse("TAR_NAME", archive, "the root must be a directory", rawName);
  if (slash && type !== "directory") refuse("TAR_AMBIGUOUS", archive, `a ${type} whose name ends in a slash`, rawName);
  const size = paxNumber("size", "size");
  if (size < 0) refuse("TAR_NUMBER", archive, `its size is ${size}`, path);
  if (type !== "file" && size !== 0) {
    refuse("TAR_AMBIGUOUS", archive, `a ${type} with ${size} bytes of content, which tools read differently`, path);
  }
  const xattrs = extended?.xattrs();
  const metadata = {
    path,
    mode: number("mode") & 0o7777,
    uid: id("uid"),
    gid: id("gid"),
    mtime: paxNumber("mtime", "mtime"),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
  switch (type) {
    case "file":
      return { type, ...metadata, size };
    case "symlink":
      return { type, ...metadata, size: 0, target: linkTarget(archive, block, extended, path) };
    case "hardlink": {
      const target = entryPath(linkTarget(archive, block, extended, path));
      if (typeof target !== "string") return refuse("TAR_LINK", archive, `hard link target: ${target.refused}`, path);
      return { type, ...metadata, size: 0, target };
    }
    case "character-device":
    case "block-device":
      return {
        type,
        ...metadata,
        size: 0,
        major: paxNumber("SCHILY.devmajor", "devmajor"),
        minor: paxNumber("SCHILY.devminor", "devminor"),
      };
    default:
      return { type, ...metadata, size: 0 };
  }
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

function linkTarget(
  archive: string,
  block: Window,
  extended: ExtendedHeaders | undefined,
  path: ByteString,
): ByteString {
  const target = extended?.text("linkpath") ?? extended?.longLink ?? textField(block, "linkname");
  if (target === "") refuse("TAR_LINK", archive, "a link without a target", path);
  if (target.includes("\0")) refuse("TAR_LINK", archive, "its link target contains a NUL byte", path);
  if (target.length > 4095) refuse("TAR_LINK", archive, "its link target is longer than 4095 bytes", path);
  return target;
}

function numberField({ bytes, at }: Window, field: Field): number | undefined {
  const [offset, length] = FIELD[field];
  return parseNumber(bytes, at + offset, length);
}

function headerName(block: Window): ByteString {
  const name = textField(block, "name");
  if (block.bytes[block.at + FIELD.prefix[0]] === 0) return name;
  // GNU's own format keeps times where POSIX keeps the prefix.
  const magic = block.at + FIELD.magic[0];
  const posix = bytesFromBuffer(block.bytes, magic, magic + 6) === "ustar\0";
  return posix ? (`${textField(block, "prefix")}/${name}` as ByteString) : name;
}

function textField({ bytes, at }: Window, field: Field): ByteString {
  const [offset, length] = FIELD[field];
  const start = at + offset;
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return bytesFromBuffer(bytes, start, end);
}

function isZero({ bytes, at, length }: Window): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}
