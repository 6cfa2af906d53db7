import type { ByteString, Entry, SegmentTree } from "@base-kit/core";
import type { EntryHead, TarFile } from "@base-kit/tar";

export interface TreeCheck {
  /** To be called for each entry of an archive in its order, with the place of its headers. */
  see(entry: EntryHead, headersAt: number): void;
  /** How many it has seen. */
  count(): number;
  /** What is known when all were seen of the archive, which is this file; undefined when they are no tree by themselves. */
  tree(file: TarFile): SegmentTree | undefined;
}

/**
 * Tells whether merging would leave an archive's entries as they are (`SegmentTree`), without making a tree of them: each
 * is compared with the one before it. That is known of what GNU tar makes of a directory, but not taken for granted.
 */
export function treeCheck(): TreeCheck {
  const places = new Map<ByteString, number>();
  const hardlinks: ByteString[] = [];
  let isTree = true;
  let before: EntryHead | undefined;
  let count = 0;
  let size = 0;
  let newest = 0;
  return {
    see: (entry, headersAt) => {
      isTree &&= before === undefined ? entry.path === "" : follows(entry, before);
      before = entry;
      count += 1;
      if (!isTree) return;
      places.set(entry.path, headersAt);
      size += entry.size;
      if (entry.mtime > newest) newest = entry.mtime;
      if (entry.type === "hardlink") hardlinks.push(entry.path);
    },
    count: () => count,
    tree: (file) => {
      if (!isTree || count === 0) return undefined;
      const find = (path: ByteString) => {
        const at = places.get(path);
        return at === undefined ? undefined : file.entryAt(at);
      };
      const isAfter = (path: ByteString, target: ByteString) => Number(places.get(path)) > Number(places.get(target));
      const links = { find: hardlinks.length * ALONE > count ? findAmongAll(file) : find, isAfter };
      if (!hardlinks.every((path) => isPlainLink(links.find(path), links))) return undefined;
      return { count, size, newest, find };
    },
  };
}

/** To make one entry, and that of its target, takes as long as so many do when all are made. */
const ALONE = 8;

function findAmongAll(file: TarFile): SegmentTree["find"] {
  const all = new Map(file.entries().map((entry) => [entry.path, entry]));
  return (path) => all.get(path);
}

/** Whether an entry may come next: in a directory that was listed, and behind what is there already. */
function follows({ path }: EntryHead, before: EntryHead): boolean {
  const slash = path.lastIndexOf("/");
  // A deletion mark is for the merging to refuse, and a second root for it to merge.
  if (path === "" || path.startsWith(".wh.", slash + 1)) return false;
  if (before.type === "directory" && before.path === path.slice(0, Math.max(0, slash))) return true;
  // All folders of the one before are listed, so this one's is if it is among them.
  if (!before.path.startsWith(path.slice(0, slash + 1))) return false;
  const end = before.path.indexOf("/", slash + 1);
  return before.path.slice(slash + 1, end < 0 ? before.path.length : end) < path.slice(slash + 1);
}

interface Tree extends Pick<SegmentTree, "find"> {
  readonly isAfter: (path: ByteString, target: ByteString) => boolean;
}

/** Merging makes hard links anew, of what it knows of the file. */
function isPlainLink(link: Entry | undefined, { find, isAfter }: Tree): boolean {
  if (link?.type !== "hardlink" || link.xattrs !== undefined || !isAfter(link.path, link.target)) return false;
  const file = find(link.target);
  if (file?.type !== "file" || file.mode !== link.mode) return false;
  return file.uid === link.uid && file.gid === link.gid && file.mtime === link.mtime;
}
