import type { ByteString, Entry, FileEntry } from "@base-kit/core";
import { ownersAfter } from "./owners.ts";
import type { SandboxResult } from "./run-in-sandbox.ts";

/** What a command did to a root filesystem. */
export interface Changes {
  /** New and changed entries, their content in memory. */
  readonly entries: readonly Entry[];
  /** Paths that went away. */
  readonly removed: readonly ByteString[];
}

/** They differ each time: logs with times, and a cache of inode numbers. */
const NEVER_KEPT = [/^var\/log\/(?:dpkg|alternatives)\.log$/, /^var\/cache\/ldconfig\/aux-cache$/];

/**
 * Compares what the sandbox left with what it was given. The time of a directory tells only when something in it was renamed, so it
 * makes no difference; no other time is later than the epoch. Of a file with several names it makes no difference either which of them
 * is the first.
 */
export async function changesOf(
  result: SandboxResult,
  { before, epoch }: { readonly before: readonly Entry[]; readonly epoch: number },
): Promise<Changes> {
  const entries: Entry[] = [];
  const old = named(before);
  const found = named(entriesLeft(result, before));
  const unchanged = new Map<Named, boolean>();
  for (const [path, after] of found) {
    if (NEVER_KEPT.some((pattern) => pattern.test(path))) continue;
    const was = old.get(path);
    const isUnchanged = unchanged.get(after) ?? (was !== undefined && (await isSame(was, after)));
    unchanged.set(after, isUnchanged);
    const entry = after.entries.get(path) as Entry;
    if (!isUnchanged && !isSameName(was?.entries.get(path), entry)) entries.push(await settled(entry, epoch));
  }
  const removed = before.filter(({ path }) => !result.inodes.has(path)).map(({ path }) => path);
  return { entries, removed };
}

/** What the sandbox left, with the owners that it could only remember. */
export function entriesLeft({ left, inodes, remembered }: SandboxResult, before: readonly Entry[]): readonly Entry[] {
  if (remembered === undefined) return left;
  const owners = ownersAfter(before, { was: remembered.inodes, is: inodes, log: remembered.log });
  return left.map((entry) => ({ ...entry, ...owners(entry.path) }));
}

/** A file and all its names; anything else has one. */
interface Named {
  readonly first: Entry;
  readonly entries: Map<ByteString, Entry>;
}

function named(entries: readonly Entry[]): ReadonlyMap<ByteString, Named> {
  const all = new Map<ByteString, Named>();
  for (const entry of entries) {
    const there = entry.type === "hardlink" ? all.get(entry.target) : undefined;
    const each = there ?? { first: entry, entries: new Map() };
    each.entries.set(entry.path, entry);
    all.set(entry.path, each);
  }
  return all;
}

/** Whatever became of the file, this is a name of it as before. */
function isSameName(old: Entry | undefined, found: Entry): boolean {
  return old?.type === "hardlink" && found.type === "hardlink" && old.target === found.target;
}

async function isSame({ first: old, entries }: Named, after: Named): Promise<boolean> {
  const { first: found } = after;
  if (entries.size !== after.entries.size || ![...entries.keys()].every((path) => after.entries.has(path)))
    return false;
  if (old.type !== found.type || old.mode !== found.mode || old.uid !== found.uid || old.gid !== found.gid)
    return false;
  if (old.type === "symlink" && found.type === "symlink") return old.target === found.target;
  if (old.type !== "file" || found.type !== "file") return true;
  return old.size === found.size && (await bytesOf(old)).equals(await bytesOf(found));
}

async function settled(entry: Entry, epoch: number): Promise<Entry> {
  const timed = entry.mtime > epoch ? { ...entry, mtime: epoch } : entry;
  if (timed.type !== "file") return timed;
  const bytes = await bytesOf(timed);
  return { ...timed, content: () => [bytes] };
}

async function bytesOf(file: FileEntry): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of file.content()) parts.push(part);
  return Buffer.concat(parts);
}
