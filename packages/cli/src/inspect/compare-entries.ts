import { createHash } from "node:crypto";
import {
  type ByteString,
  bufferFromBytes,
  type Entry,
  type FileEntry,
  type HardlinkEntry,
  textFromBytes,
} from "@base-kit/core";

/** What of a path differs, in the order it is looked at. */
export type EntryField = "type" | "content" | "target" | "device" | "mode" | "owner" | "xattrs" | "links" | "time";

export interface FieldChange {
  readonly field: EntryField;
  readonly before: string;
  readonly after: string;
}

type Plain = Exclude<Entry, HardlinkEntry>;

/** A tree whose paths can be looked up. */
export interface ComparedTree {
  readonly byPath: ReadonlyMap<ByteString, Entry>;
  /** Names that share one file, for each name of it; absent for files with one name. */
  readonly links: ReadonlyMap<ByteString, string>;
}

export function linksOf(byPath: ReadonlyMap<ByteString, Entry>): ComparedTree["links"] {
  const groups = new Map<ByteString, ByteString[]>();
  for (const entry of byPath.values()) {
    if (entry.type !== "hardlink") continue;
    const group = groups.get(entry.target) ?? [entry.target];
    group.push(entry.path);
    groups.set(entry.target, group);
  }
  return new Map(
    [...groups.values()].flatMap((group) => group.map((path) => [path, group.map(textFromBytes).join(" ")])),
  );
}

/** How the entries at one path differ. Content is read whenever the sizes are equal: hashing is cheap, a wrong guess is not. */
export async function compareEntries(
  path: ByteString,
  [before, after]: readonly [ComparedTree, ComparedTree],
): Promise<readonly FieldChange[]> {
  const [a, b] = [plainAt(before, path), plainAt(after, path)];
  if (a === undefined || b === undefined) return [];
  const changes: FieldChange[] = [];
  const compare = (field: EntryField, one: string, other: string) => {
    if (one !== other) changes.push({ field, before: one, after: other });
  };
  compare("type", a.type, b.type);
  if (a.type === "file" && b.type === "file") changes.push(...(await compareContent(a, b)));
  if (a.type === "symlink" && b.type === "symlink") compare("target", textFromBytes(a.target), textFromBytes(b.target));
  if ("major" in a && "major" in b) compare("device", `${a.major}:${a.minor}`, `${b.major}:${b.minor}`);
  // A link's own mode is not used by anyone, and tools write different ones.
  if (a.type !== "symlink" || b.type !== "symlink") compare("mode", octal(a.mode), octal(b.mode));
  compare("owner", `${a.uid}:${a.gid}`, `${b.uid}:${b.gid}`);
  compare("xattrs", xattrs(a), xattrs(b));
  compare("links", before.links.get(path) ?? "", after.links.get(path) ?? "");
  compare("time", String(a.mtime), String(b.mtime));
  return changes;
}

/** The file behind a name, whichever of its names the archive has it under. */
function plainAt({ byPath }: ComparedTree, path: ByteString): Plain | undefined {
  const entry = byPath.get(path);
  const found = entry?.type === "hardlink" ? byPath.get(entry.target) : entry;
  return found?.type === "hardlink" ? undefined : found;
}

async function compareContent(a: FileEntry, b: FileEntry): Promise<readonly FieldChange[]> {
  if (a.size !== b.size) return [{ field: "content", before: `${a.size} bytes`, after: `${b.size} bytes` }];
  const [before, after] = [await digestOf(a), await digestOf(b)];
  return before === after ? [] : [{ field: "content", before: `sha256:${before}`, after: `sha256:${after}` }];
}

async function digestOf(file: FileEntry): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of file.content()) hash.update(chunk);
  return hash.digest("hex");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function xattrs({ xattrs: map }: Plain): string {
  return [...(map ?? [])]
    .map(([name, value]) => `${textFromBytes(name)}=${Buffer.from(value).toString("base64")}`)
    .sort((a, b) => Buffer.compare(bufferFromBytes(a as ByteString), bufferFromBytes(b as ByteString)))
    .join(" ");
}
