import { BaseKitError, type ByteString, bytesFromText, type Context, printable } from "@base-kit/core";
import { type RootNode, resolvePath, type SearchRoot } from "@base-kit/elf";
import { type Bytes, copyFromRoot } from "./copy-file.ts";
import { pausing } from "./pauses.ts";
import { refuseSecret } from "./secrets.ts";

/** Something that will be in the image, at a path no part of which is a symbolic link of the image. */
export type Item = FileItem | LinkItem | FolderItem;

export interface FileItem extends Bytes {
  readonly type: "file";
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Where it was in the root, if there. */
  readonly source?: ByteString;
}

interface LinkItem {
  readonly type: "symlink";
  readonly target: ByteString;
  readonly mtime: number;
  /** Where it was in the root, if there. */
  readonly source?: ByteString;
}

interface FolderItem {
  readonly type: "directory";
  readonly mode: number;
}

/** What comes into an image, gathered path by path. The same path may be asked for again. */
export interface ImageTree {
  readonly items: ReadonlyMap<ByteString, Item>;
  /**
   * Takes what is at a path of the root, with every symbolic link on the way: merged-/usr links and the chains of library
   * names stay what they are. A folder comes with all that is in it. Gives the bytes that are new; undefined when nothing is there.
   */
  take(path: ByteString, filter?: TreeFilter): Promise<number | undefined>;
  /** The same for one file whose bytes are at hand. */
  takeCopy(path: ByteString, bytes: Bytes): void;
  /** A file at a path of the image; the links of the image on the way are followed. */
  place(path: string, file: Omit<FileItem, "type">): void;
  /** The same, unless something is there already: what was asked for by its path counts more than what is made up. */
  offer(path: string, file: Omit<FileItem, "type">): void;
  /** A folder of its own kind, such as `/tmp`. */
  folder(path: string, mode: number): void;
  /** A symbolic link, unless something is there already. */
  link(path: string, target: string): void;
  /** A path with the folders on the way followed through the links of the image. */
  real(path: ByteString): ByteString;
}

/** Of a folder that is taken: whether a path, relative to it, comes along. */
export type TreeFilter = (path: string) => boolean;

interface Walk {
  readonly filter: TreeFilter;
  /** Path within the folder that was asked for. */
  readonly inside: string;
  /** Folders that were walked through. */
  readonly seen: Set<ByteString>;
}

const FILES_AT_MOST = 200_000;

export function createImageTree(root: SearchRoot, context: Pick<Context, "tempDir" | "signal" | "clock">): ImageTree {
  const pause = pausing(context);
  const items = new Map<ByteString, Item>();

  const takeLink = (path: ByteString) => {
    const node = root.node(path);
    if (node?.target !== undefined)
      put(path, { type: "symlink", target: node.target, mtime: node.mtime, source: path });
  };
  const takeFile = async (path: ByteString, node: RootNode): Promise<number> => {
    await pause();
    const known = items.get(path);
    if (known?.type === "file" && known.source === path) return 0;
    refuseSecret(path, root.name);
    const bytes = copyFromRoot(root, path, context);
    put(path, { type: "file", ...bytes, mode: imageMode(node.mode), mtime: node.mtime, source: path });
    return bytes.size;
  };
  const put = (path: ByteString, item: Item) => {
    const known = items.get(path);
    if (known !== undefined && !isSame(known, item)) throw taken(path, [known, item]);
    if (items.size > FILES_AT_MOST) throw tooMany();
    if (known === undefined) items.set(path, item);
  };
  const take = async (path: ByteString, filter: TreeFilter = () => true): Promise<number | undefined> => {
    const found = resolvePath(root, path);
    if (found === undefined) return undefined;
    found.links.forEach(takeLink);
    if (found.node.type === "file") return takeFile(found.path, found.node);
    if (found.node.type !== "directory") return undefined;
    return takeFolder(found.path, { filter, inside: "", seen: new Set() });
  };
  const takeFolder = async (path: ByteString, { filter, inside, seen }: Walk): Promise<number> => {
    // Links may lead back to a folder above.
    if (seen.has(path)) return 0;
    seen.add(path);
    let size = 0;
    for (const name of root.names(path === "/" ? ("" as ByteString) : path)) {
      const relative = inside === "" ? name : `${inside}/${name}`;
      if (!filter(relative)) continue;
      const child = `${path === "/" ? "" : path}/${name}` as ByteString;
      const node = root.node(child);
      if (node?.type === "directory") size += await takeFolder(child, { filter, inside: relative, seen });
      else if (node?.type === "file") size += await takeFile(child, node);
      else if (node?.type === "symlink") size += await takeLinked(child, { filter, inside: relative, seen });
    }
    return size;
  };
  /** A link in a folder needs what it leads to; one that leads nowhere led nowhere before. */
  const takeLinked = async (path: ByteString, walk: Walk): Promise<number> => {
    takeLink(path);
    const found = resolvePath(root, path);
    if (found === undefined) return 0;
    found.links.forEach(takeLink);
    if (found.node.type === "file") return takeFile(found.path, found.node);
    // `current -> /` would bring the whole machine.
    const isSystem = found.path.split("/").length <= 2;
    return found.node.type === "directory" && !isSystem ? takeFolder(found.path, walk) : 0;
  };
  const settle = (path: string) => settled(items, bytesFromText(path));
  return {
    items,
    take,
    takeCopy: (path, { size, sha256, content }) => {
      const found = resolvePath(root, path);
      if (found === undefined) return;
      found.links.forEach(takeLink);
      const { mode, mtime } = found.node;
      put(found.path, {
        type: "file",
        size,
        sha256,
        content,
        mode: imageMode(mode | 0o111),
        mtime,
        source: found.path,
      });
    },
    place: (path, file) => put(settle(path), { type: "file", ...file }),
    offer: (path, file) => {
      if (!items.has(settle(path))) put(settle(path), { type: "file", ...file });
    },
    real: (path) => settled(items, path),
    folder: (path, mode) => put(settle(path), { type: "directory", mode }),
    link: (path, target) => {
      if (!items.has(settle(path))) put(settle(path), { type: "symlink", target: bytesFromText(target), mtime: 0 });
    },
  };
}

/** A path of the image with the folders on the way followed through the links of the image. */
function settled(items: ReadonlyMap<ByteString, Item>, path: ByteString): ByteString {
  const todo = path.split("/").reverse();
  let at = "" as ByteString;
  for (let links = 0; todo.length > 0; ) {
    const name = todo.pop() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/"))) as ByteString;
      continue;
    }
    const next = `${at}/${name}` as ByteString;
    const item = items.get(next);
    if (item?.type === "symlink" && todo.length > 0 && links++ < 40) {
      if (item.target.startsWith("/")) at = "" as ByteString;
      todo.push(...item.target.split("/").reverse());
      continue;
    }
    at = next;
  }
  return at;
}

function isSame(a: Item, b: Item): boolean {
  if (a.type === "file" && b.type === "file") return a.sha256 === b.sha256;
  if (a.type === "symlink" && b.type === "symlink") return a.target === b.target;
  return a.type === "directory" && b.type === "directory";
}

/**
 * Everyone may read and start a program in an image, whatever the umask of who built it was, and nobody but root may
 * change it. A setuid bit would get a new meaning: it named the file's owner, and in the image that is root.
 */
export function imageMode(mode: number): number {
  const isProgram = (mode & 0o111) !== 0;
  return (mode & 0o755) | (isProgram ? 0o555 : 0o444);
}

function taken(path: ByteString, items: readonly Item[]): BaseKitError {
  const sources = items.flatMap((item) => (item.type === "directory" ? [] : (item.source ?? [])));
  const which = sources.length === 2 && sources[0] !== sources[1] ? `: ${sources.map(printable).join(" and ")}` : "";
  return new BaseKitError(
    "SCRATCH_PATH_TAKEN",
    `two different files cannot both be at ${printable(path)} in the image${which}`,
    {
      kind: "usage",
      hint: "Give one of the programs another path in the image, or make two images. Nothing was written.",
    },
  );
}

function tooMany(): BaseKitError {
  return new BaseKitError("SCRATCH_LARGE", `the image would have more than ${FILES_AT_MOST} files`, {
    kind: "unsupported",
    hint: "That is most of a distribution: use a distribution's image instead.",
  });
}
