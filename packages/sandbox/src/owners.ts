import type { ByteString, Entry } from "@base-kit/core";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Inode numbers of paths. */
export type Inodes = ReadonlyMap<ByteString, string>;

const SETGID = 0o2000;
const ROOT: Owner = { uid: 0, gid: 0 };

/**
 * Whom files belong to after a run in which none could belong to another user than root: what they belonged to before, and what `log`,
 * lines `INODE UID GID`, says of it since. What is new is root's, and of its directory's group where that has the setgid bit; in
 * the place of an older file it has the owner of that one, which programs that write a file anew (adduser, sed -i) give it
 * themselves, where a log cannot see it and the kernel refuses.
 */
export function ownersAfter(
  before: readonly Entry[],
  { was, is, log }: { readonly was: Inodes; readonly is: Inodes; readonly log: string },
): (path: ByteString) => Owner {
  const owners = new Map<string, Owner>();
  const replaced = new Map<ByteString, Owner>();
  const inherited = new Set<ByteString>();
  for (const { path, type, mode, uid, gid } of before) {
    if (type === "directory" && (mode & SETGID) !== 0) inherited.add(path);
    const inode = was.get(path);
    if (inode === undefined || (uid === 0 && gid === 0)) continue;
    owners.set(inode, { uid, gid });
    replaced.set(path, { uid, gid });
  }
  for (const line of log.split("\n")) {
    const [, inode = "", uid = "", gid = ""] = /^(\d+) (-|\d+) (-|\d+)$/.exec(line) ?? [];
    if (inode === "") continue;
    const old = owners.get(inode) ?? ROOT;
    owners.set(inode, { uid: uid === "-" ? old.uid : Number(uid), gid: gid === "-" ? old.gid : Number(gid) });
  }
  const known = new Set(was.values());
  const ownerOf = (path: ByteString): Owner => {
    const inode = is.get(path) ?? "";
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
    const isNew = !known.has(inode) && path !== "";
    const start = isNew && inherited.has(folder) ? { uid: 0, gid: ownerOf(folder).gid } : ROOT;
    return owners.get(inode) ?? (isNew ? replaced.get(path) : undefined) ?? start;
  };
  return ownerOf;
}
