import type { ByteString, Entry, FileEntry } from "@base-kit/core";
import { indexTar } from "@base-kit/tar";
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
 * makes no difference; no other time is later than the epoch.
 */
export async function changesOf(
  { changed, inodes, remembered }: SandboxResult,
  { before, epoch }: { readonly before: readonly Entry[]; readonly epoch: number },
): Promise<Changes> {
  const known = new Map(before.map((entry) => [entry.path, entry]));
  const entries: Entry[] = [];
  const owners = remembered && ownersAfter(before, { was: remembered.inodes, is: inodes, log: remembered.log });
  for (const found of indexTar(changed, { name: "what the sandbox left" })) {
    const entry = owners === undefined ? found : { ...found, ...owners(found.path) };
    const old = known.get(entry.path);
    if (NEVER_KEPT.some((pattern) => pattern.test(entry.path))) continue;
    if (old !== undefined && (await isSame(old, entry))) continue;
    entries.push(await settled(entry, epoch));
  }
  const removed = before.filter(({ path }) => !inodes.has(path)).map(({ path }) => path);
  return { entries, removed };
}

async function isSame(old: Entry, found: Entry): Promise<boolean> {
  if (old.type === "hardlink" || found.type === "hardlink") {
    return old.type === found.type && "target" in old && "target" in found && old.target === found.target;
  }
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
