import type { ByteString, DirectoryEntry, Entry, HardlinkEntry, Rootfs, Segment } from "@base-kit/core";
import { compareTreeOrder, treeOrderKey } from "@base-kit/tar";
import { refuse } from "./refuse.ts";
import { joinPath, walkPath } from "./walk-path.ts";

/** What a path leads to. Several paths share one when they are hard links of each other. */
interface Inode {
  readonly entry: Exclude<Entry, HardlinkEntry>;
  readonly segment: Segment;
}

/**
 * All entries of all segments as one tree, sorted, every path once, hard links after the file they share. Paths that lead
 * through a symbolic link (`lib/x` where `lib` links to `usr/lib`) are followed inside the root, as a kernel would after chroot;
 * nothing can lead outside, because there is no outside.
 *
 * A directory that comes where a symbolic link to a directory is keeps the link, as dpkg does; within one segment the
 * later of two entries of the same type counts; all other collisions are refused, because an engine refuses the layer.
 *
 * @throws BaseKitError `ROOTFS_…` (unsupported)
 */
export function mergedEntries(rootfs: Pick<Rootfs, "segments">): Entry[] {
  return treeOf(rootfs).entries();
}

/** An entry of the merged tree, and where it comes from. */
export interface OwnedEntry {
  readonly entry: Entry;
  /** Whose it is; a hard link belongs to the segment that brought the file. */
  readonly segment: Segment;
  /** Under which path its segment has it. */
  readonly source: ByteString;
}

/**
 * The same tree, each entry with its segment.
 *
 * @throws BaseKitError as `mergedEntries`
 */
export function ownedEntries(rootfs: Pick<Rootfs, "segments">): readonly OwnedEntry[] {
  return treeOf(rootfs).owned();
}

/** Whether merging changed nothing: the same entries in the same order. Hard links come out of it as new objects. */
export function isSameTree(before: Iterable<Entry>, merged: readonly Entry[]): boolean {
  let at = 0;
  for (const entry of before) {
    const other = merged[at++];
    if (entry !== other && !(other !== undefined && isSameHardlink(entry, other))) return false;
  }
  return at === merged.length;
}

function isSameHardlink(a: Entry, b: Entry): boolean {
  if (a.type !== "hardlink" || b.type !== "hardlink" || a.xattrs !== undefined) return false;
  const same = a.path === b.path && a.target === b.target;
  return same && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtime === b.mtime;
}

/** A root filesystem is never changed, so its tree is made once. */
const trees = new WeakMap<readonly Segment[], VirtualTree>();

export function treeOf({ segments }: Pick<Rootfs, "segments">): VirtualTree {
  let tree = trees.get(segments);
  if (tree === undefined) {
    tree = new VirtualTree();
    for (const segment of segments) for (const entry of segment.entries()) tree.add(entry, segment);
    trees.set(segments, tree);
  }
  return tree;
}

/** The tree with one more segment that takes nothing from the others: all that is known of them stays true. */
export function growTree({ segments }: Pick<Rootfs, "segments">, added: Segment): readonly Segment[] {
  const grown = [...segments, added];
  const tree = new VirtualTree(treeOf({ segments }));
  for (const entry of added.entries()) tree.add(entry, added);
  trees.set(grown, tree);
  return grown;
}

export class VirtualTree {
  readonly #inodes: Map<ByteString, Inode>;
  /** Those that have had more than one name. */
  readonly #shared: Set<Inode>;
  /** Where a folder's path really leads; entries of one folder mostly come together. */
  readonly #resolved = new Map<ByteString, ByteString>();
  /** As long as nothing comes to it: sorting takes longer than whatever is done with the entries. */
  #owned: readonly OwnedEntry[] | undefined;

  constructor(from?: VirtualTree) {
    this.#inodes = new Map(from === undefined ? [] : from.#inodes);
    this.#shared = new Set(from === undefined ? [] : from.#shared);
  }

  add(entry: Entry, segment: Segment): void {
    this.#owned = undefined;
    const path = this.#resolve(entry.path, segment);
    if (basename(path).startsWith(".wh.")) {
      refuse(
        "ROOTFS_WHITEOUT",
        segment.origin,
        path,
        "in a layer a name that begins with .wh. means a deletion, so the file would be lost",
        "Rename it or leave it out.",
      );
    }
    const inode = entry.type === "hardlink" ? this.#linked(entry, segment) : { entry, segment };
    const existing = this.#inodes.get(path);
    if (existing !== undefined && this.#keeps(existing, inode, path)) return;
    if (existing?.entry.type === "symlink") this.#resolved.clear();
    this.#inodes.set(path, inode);
  }

  entries(): Entry[] {
    return this.owned().map(({ entry }) => entry);
  }

  owned(): readonly OwnedEntry[] {
    this.#owned ??= this.#listed();
    return this.#owned;
  }

  #listed(): OwnedEntry[] {
    const first = new Map<Inode, ByteString>();
    const result: OwnedEntry[] = [];
    for (const [path, inode] of this.#sorted()) {
      const { segment } = inode;
      const source = inode.entry.path;
      const isShared = this.#shared.has(inode);
      const target = isShared ? first.get(inode) : undefined;
      if (isShared && target === undefined) first.set(inode, path);
      // Tools disagree about hard links to symbolic links; a second link with the same target means the same.
      if (target === undefined || inode.entry.type === "symlink") {
        result.push({ entry: source === path ? inode.entry : { ...inode.entry, path }, segment, source });
      } else {
        // Extended attributes belong to the file, which has been written with them.
        const { mode, uid, gid, mtime } = inode.entry;
        result.push({ entry: { type: "hardlink", path, target, mode, uid, gid, mtime }, segment, source });
      }
    }
    return result;
  }

  #sorted(): readonly (readonly [ByteString, Inode])[] {
    const all = [...this.#inodes];
    // Most archives are; making keys takes longer than looking.
    if (isInTreeOrder([...this.#inodes.keys()])) return all;
    const keyed = all.map((each) => ({ key: treeOrderKey(each[0]), each }));
    return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ each }) => each);
  }

  /** What the path leads to when every symbolic link is followed. */
  lookup(path: ByteString): Inode["entry"] | undefined {
    return this.#inodes.get(this.#walk(path, path, undefined))?.entry;
  }

  /** Whether something lies at this place. */
  has(place: ByteString): boolean {
    return this.#inodes.has(place);
  }

  /** Where an entry with this path would come to lie: the links among its folders followed, its own name kept. */
  place(path: ByteString): ByteString {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return path;
    return joinPath(this.#walk(path.slice(0, slash) as ByteString, path, undefined), path.slice(slash + 1));
  }

  /** Whether what is there stays when `next` comes to the same path. */
  #keeps(existing: Inode, next: Inode, path: ByteString): boolean {
    const [was, is] = [existing.entry.type, next.entry.type];
    if (was === "directory" && is === "directory") return false;
    if (was === "symlink" && is === "directory" && this.lookup(path)?.type === "directory") return true;
    if (existing.segment === next.segment && was === is) return false;
    const owners =
      existing.segment === next.segment
        ? `it is there as ${was} and as ${is}`
        : `both ${existing.segment.origin} (${was}) and ${next.segment.origin} (${is}) have it`;
    return refuse("ROOTFS_CONFLICT", next.segment.origin, path, owners, "An image layer can hold a path only once.");
  }

  #linked(entry: HardlinkEntry, segment: Segment): Inode {
    const target = this.#resolve(entry.target, segment);
    const inode = this.#inodes.get(target);
    if (inode === undefined || inode.entry.type === "directory") {
      refuse(
        "ROOTFS_HARDLINK",
        segment.origin,
        entry.path,
        `it is a hard link to /${target}, which ${inode === undefined ? "does not come before it" : "is a directory"}`,
        "The archive is damaged or incomplete.",
      );
    }
    this.#shared.add(inode);
    return inode;
  }

  /** The path with all folders on the way followed through symbolic links; missing folders come into being. */
  #resolve(path: ByteString, segment: Segment): ByteString {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return path;
    const folder = path.slice(0, slash) as ByteString;
    let resolved = this.#resolved.get(folder);
    if (resolved === undefined) {
      resolved = this.#walk(folder, path, segment);
      this.#resolved.set(folder, resolved);
    }
    return joinPath(resolved, path.slice(slash + 1));
  }

  /** Follows `folder` name by name. Without a segment nothing is made: the rest of a path that ends nowhere stays as it is. */
  #walk(folder: ByteString, path: ByteString, segment: Segment | undefined): ByteString {
    return walkPath(folder, {
      find: (place) => this.#inodes.get(place)?.entry,
      ...(segment === undefined ? {} : { visit: (place, entry) => this.#enter(place, { entry, path, segment }) }),
      onLoop: () => refuseLoop(path, segment?.origin),
    });
  }

  /** A folder on the way to `path`: made when it is missing, refused when it is something else. */
  #enter(place: ByteString, { entry, path, segment }: Entering): boolean {
    if (entry === undefined) this.#inodes.set(place, { entry: impliedDirectory(place), segment });
    else if (entry.type !== "directory") {
      refuse(
        "ROOTFS_CONFLICT",
        segment.origin,
        path,
        `/${place} is a ${entry.type}, expected a directory`,
        "An entry cannot lie in something else than a directory.",
      );
    }
    return true;
  }
}

interface Entering {
  readonly entry: Entry | undefined;
  readonly path: ByteString;
  readonly segment: Segment;
}

/** @throws BaseKitError `ROOTFS_LINK_LOOP` (unsupported) */
export function refuseLoop(path: ByteString, origin = "base"): never {
  return refuse("ROOTFS_LINK_LOOP", origin, path, "symbolic links on the way lead in a circle", "Remove one of them.");
}

/** A directory nobody listed, there because something lies in it. */
function impliedDirectory(path: ByteString): DirectoryEntry {
  return { type: "directory", path, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
}

function basename(path: ByteString): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isInTreeOrder(paths: readonly ByteString[]): boolean {
  return paths.every((path, at) => at === 0 || compareTreeOrder(paths[at - 1] as ByteString, path) < 0);
}
