import {
  type ByteString,
  bufferFromBytes,
  bytesFromBuffer,
  bytesFromText,
  type Content,
  type Entry,
  printable,
} from "@base-kit/core";

/**
 * A file tree written as text, one entry a line, for tests that can be read:
 *
 * ```
 * directory 755 0:0 etc/
 * file 644 0:0 etc/hostname "box\n"
 * symlink 777 0:0 bin -> usr/bin
 * hardlink 644 0:0 etc/name => etc/hostname
 * character-device 666 0:0 dev/null 1,3
 * fifo 600 0:0 run/pipe
 * ```
 *
 * `@123` after the owner is the mtime (else 0), `{user.a="b"}` at the end are xattrs. Names with unusual characters are
 * JSON strings whose characters are bytes.
 *
 * @throws Error for a line that is none of these
 */
export function entriesFromText(text: string): Entry[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(parseLine);
}

/** The same text for any entries; the inverse of `entriesFromText`. */
export async function textFromEntries(entries: Iterable<Entry>): Promise<string> {
  const lines: string[] = [];
  for (const entry of entries) {
    const owner = `${entry.uid}:${entry.gid}${entry.mtime === 0 ? "" : `@${entry.mtime}`}`;
    const detail = await formatDetail(entry);
    const xattrs = [...(entry.xattrs ?? [])].map(([key, value]) => `${key}=${JSON.stringify(bytesFromBuffer(value))}`);
    const words = [
      entry.type,
      entry.mode.toString(8),
      owner,
      formatName(entry.path, entry.type === "directory"),
      ...(detail === "" ? [] : [detail]),
      ...(xattrs.length === 0 ? [] : [`{${xattrs.join(" ")}}`]),
    ];
    lines.push(words.join(" "));
  }
  return lines.join("\n");
}

/** All bytes of a content, whatever its kind. */
export async function readContent(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

const NAME = String.raw`"(?:[^"\\]|\\.)*"|\S+`;
const LINE = new RegExp(
  String.raw`^(?<type>[a-z-]+) (?<mode>[0-7]+) (?<uid>\d+):(?<gid>\d+)(?:@(?<mtime>-?\d+))? (?<name>${NAME})` +
    String.raw`(?: (?:->|=>) (?<target>${NAME})| (?<major>\d+),(?<minor>\d+)| (?<content>"(?:[^"\\]|\\.)*"))?` +
    String.raw`(?: \{(?<xattrs>.*)\})?$`,
);

function parseLine(line: string): Entry {
  const groups = LINE.exec(line)?.groups as Record<string, string | undefined> | undefined;
  if (groups === undefined) throw new Error(`not an entry: ${line}`);
  const { type, mode, uid, gid, mtime, name = "", target, major, minor, content, xattrs } = groups;
  const metadata = {
    path: parseName(name),
    mode: Number.parseInt(mode ?? "", 8),
    uid: Number(uid),
    gid: Number(gid),
    mtime: Number(mtime ?? 0),
    ...(xattrs === undefined ? {} : { xattrs: parseXattrs(xattrs) }),
  };
  switch (type) {
    case "file": {
      const bytes = content === undefined ? Buffer.alloc(0) : bufferFromBytes(bytesFromText(JSON.parse(content)));
      return { ...metadata, type, size: bytes.length, content: () => [bytes] };
    }
    case "symlink":
    case "hardlink":
      return { ...metadata, type, target: parseName(target ?? "", type === "symlink") };
    case "character-device":
    case "block-device":
      return { ...metadata, type, major: Number(major), minor: Number(minor) };
    case "directory":
    case "fifo":
      return { ...metadata, type };
    default:
      throw new Error(`no such type: ${line}`);
  }
}

function parseXattrs(text: string): ReadonlyMap<ByteString, Uint8Array> {
  const pairs = [...text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*")/g)];
  return new Map(pairs.map(([, key, value]) => [key as ByteString, Buffer.from(JSON.parse(value ?? ""), "latin1")]));
}

function parseName(name: string, keepSlash = false): ByteString {
  if (name.startsWith('"')) return JSON.parse(name) as ByteString;
  if (name === "./") return "" as ByteString;
  return bytesFromText(keepSlash ? name : name.replace(/\/$/, ""));
}

function formatName(name: ByteString, directory: boolean): string {
  if (directory && name === "") return "./";
  const shown = printable(name);
  return shown.startsWith('"') || shown !== name ? JSON.stringify(name) : `${shown}${directory ? "/" : ""}`;
}

async function formatDetail(entry: Entry): Promise<string> {
  switch (entry.type) {
    case "file":
      return JSON.stringify((await readContent(entry.content())).toString("utf8"));
    case "symlink":
      return `-> ${formatName(entry.target, false)}`;
    case "hardlink":
      return `=> ${formatName(entry.target, false)}`;
    case "character-device":
    case "block-device":
      return `${entry.major},${entry.minor}`;
    default:
      return "";
  }
}
