import type { ByteString, Entry } from "@base-kit/core";

/** As the kernel: beyond this many symbolic links on the way to one file it is a loop (path_resolution(7)). */
const LINKS_AT_MOST = 40;

export interface WalkOptions {
  /** What lies at a place, no link followed. */
  readonly find: (place: ByteString) => Entry | undefined;
  /** Hears each place on the way that is no symbolic link; with false the rest of the path stays as it is. @default whether it is a directory */
  readonly visit?: (place: ByteString, entry: Entry | undefined) => boolean;
  readonly onLoop: () => never;
}

/**
 * Where a path leads when every symbolic link in it is followed inside the root, as a kernel would after chroot; nothing can lead
 * outside, because there is no outside.
 */
export function walkPath(path: ByteString, options: WalkOptions): ByteString {
  const { find, visit = (_, entry) => entry?.type === "directory", onLoop } = options;
  const todo = path.split("/").reverse();
  let at = "" as ByteString;
  let links = 0;
  while (todo.length > 0) {
    const name = todo.pop() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/"))) as ByteString;
      continue;
    }
    const next = joinPath(at, name);
    const entry = find(next);
    if (entry?.type === "symlink") {
      links += 1;
      if (links > LINKS_AT_MOST) onLoop();
      if (entry.target.startsWith("/")) at = "" as ByteString;
      todo.push(...entry.target.split("/").reverse());
      continue;
    }
    if (!visit(next, entry)) return [next, ...todo.reverse()].join("/") as ByteString;
    at = next;
  }
  return at;
}

export function joinPath(folder: ByteString, name: string): ByteString {
  return (folder === "" ? name : `${folder}/${name}`) as ByteString;
}
