import { BaseKitError, type ByteString, type Entry, type HardlinkEntry, printable } from "@base-kit/core";
import { compareTreeOrder, PATH_AT_MOST } from "@base-kit/tar";

/** A file of a lower layer that an upper one replaces or removes: every pull carries it, no container sees it. */
export interface Hidden {
  readonly path: ByteString;
  /** Bytes. */
  readonly size: number;
  readonly layer: number;
  /** The layer that hides it. */
  readonly by: number;
  readonly how: "replaced" | "removed";
}

type Plain = Exclude<Entry, HardlinkEntry>;

/** What a name leads to; several names share one when they are hard links of each other. */
interface Inode {
  entry: Plain;
  layer: number;
  names: number;
}

interface Node {
  inode: Inode;
  /** Of directories. */
  readonly children: Map<string, Node>;
}

/** As the kernel: beyond this many symbolic links on the way it is a loop (path_resolution(7)). */
const LINKS_AT_MOST = 40;
const MARK = ".wh.";
const OPAQUE = ".wh..wh..opq";

/** Layers laid over each other, bottom first. */
export class LayeredTree {
  readonly hidden: Hidden[] = [];
  readonly #root: Node = newNode({ entry: impliedDirectory("" as ByteString), layer: 0, names: 1 });

  #rootListed = false;

  /** Deletion marks mean what lower layers brought, wherever in the archive they stand. */
  apply(entries: readonly Entry[], layer: number): void {
    const marks = entries.filter(({ path }) => basename(path).startsWith(MARK));
    for (const { path } of marks) this.#delete(path, layer);
    for (const entry of entries) if (!basename(entry.path).startsWith(MARK)) this.#add(entry, layer);
  }

  flattened(): { readonly entries: readonly Entry[]; readonly origins: readonly number[] } {
    const found: (readonly [ByteString, Inode])[] = this.#rootListed ? [["" as ByteString, this.#root.inode]] : [];
    const walk = ({ children }: Node, prefix: string): void => {
      for (const [name, node] of children) {
        found.push([`${prefix}${name}` as ByteString, node.inode]);
        walk(node, `${prefix}${name}/`);
      }
    };
    walk(this.#root, "");
    found.sort(([a], [b]) => compareTreeOrder(a, b));
    const first = new Map<Inode, ByteString>();
    const entries = found.map(([path, inode]): Entry => {
      const target = first.get(inode);
      first.set(inode, target ?? path);
      const { entry } = inode;
      // Tools disagree about hard links to symbolic links; a second link with the same target means the same.
      if (target === undefined || entry.type === "symlink") return entry.path === path ? entry : { ...entry, path };
      const { mode, uid, gid, mtime } = entry;
      return { type: "hardlink", path, target, mode, uid, gid, mtime };
    });
    return { entries, origins: found.map(([, { layer }]) => layer) };
  }

  #add(entry: Entry, layer: number): void {
    if (entry.path === "") {
      if (entry.type !== "directory") return;
      this.#root.inode = { entry, layer, names: 1 };
      this.#rootListed = true;
      return;
    }
    const { parent, name } = this.#locate(entry.path, layer);
    const existing = parent.children.get(name);
    const inode = entry.type === "hardlink" ? this.#linked(entry, layer) : { entry, layer, names: 0 };
    if (existing?.inode === inode) return;
    inode.names += 1;
    if (existing !== undefined && existing.inode.entry.type === "directory" && inode.entry.type === "directory") {
      existing.inode = inode;
      return;
    }
    if (existing !== undefined) this.#forget(existing, { path: entry.path, layer, how: "replaced" });
    parent.children.set(name, newNode(inode));
  }

  #delete(mark: ByteString, layer: number): void {
    const slash = mark.lastIndexOf("/");
    const folder = (slash < 0 ? "" : mark.slice(0, slash)) as ByteString;
    const name = mark.slice(slash + 1);
    const parent = this.#find(folder, mark);
    if (parent === undefined) return;
    const goes = name === OPAQUE ? [...parent.children.keys()] : [name.slice(MARK.length)];
    for (const each of goes) {
      const node = parent.children.get(each);
      if (node === undefined) continue;
      parent.children.delete(each);
      this.#forget(node, { path: join(folder, each), layer, how: "removed" });
    }
  }

  /** Counts what nobody can see any more. */
  #forget(
    node: Node,
    { path, layer, how }: { readonly path: ByteString; readonly layer: number; readonly how: Hidden["how"] },
  ): void {
    const { inode } = node;
    inode.names -= 1;
    if (inode.names === 0 && inode.entry.type === "file" && inode.entry.size > 0) {
      this.hidden.push({ path, size: inode.entry.size, layer: inode.layer, by: layer, how });
    }
    for (const [name, child] of node.children) this.#forget(child, { path: join(path, name), layer, how });
  }

  #linked(entry: HardlinkEntry, layer: number): Inode {
    const { parent, name } = this.#locate(entry.target, layer);
    const inode = parent.children.get(name)?.inode;
    if (inode !== undefined && inode.entry.type !== "directory") return inode;
    throw refused(
      "LAYER_HARDLINK",
      layer,
      `${printable(`/${entry.path}`)} is a hard link to ${printable(`/${entry.target}`)}, which ${inode === undefined ? "is not there" : "is a directory"}`,
    );
  }

  /** The folder an entry comes to lie in; folders nobody listed come into being. */
  #locate(path: ByteString, layer: number): { readonly parent: Node; readonly name: string } {
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? this.#root : (this.#walk(path.slice(0, slash) as ByteString, { path, layer }) as Node);
    return { parent, name: path.slice(slash + 1) };
  }

  #find(folder: ByteString, path: ByteString): Node | undefined {
    return folder === "" ? this.#root : this.#walk(folder, { path, layer: undefined });
  }

  /** Follows a path name by name, symbolic links inside the root. Without a layer nothing is made. */
  #walk(
    folder: ByteString,
    { path, layer }: { readonly path: ByteString; readonly layer: number | undefined },
  ): Node | undefined {
    const todo = folder.split("/").reverse();
    const way: { readonly node: Node; readonly path: ByteString }[] = [{ node: this.#root, path: "" as ByteString }];
    let links = 0;
    while (todo.length > 0) {
      const name = todo.pop() as string;
      const here = way[way.length - 1] as (typeof way)[number];
      if (name === "" || name === ".") continue;
      if (here.path.length + name.length >= PATH_AT_MOST) {
        throw refused(
          "LAYER_PATH",
          layer,
          `${printable(`/${path}`)} leads to a path of more than ${PATH_AT_MOST} bytes`,
        );
      }
      if (name === "..") {
        if (way.length > 1) way.pop();
        continue;
      }
      const next = here.node.children.get(name);
      if (next?.inode.entry.type === "symlink") {
        links += 1;
        if (links > LINKS_AT_MOST) {
          throw refused(
            "LAYER_LINK_LOOP",
            layer,
            `symbolic links on the way to ${printable(`/${path}`)} lead in a circle`,
          );
        }
        const { target } = next.inode.entry;
        if (target.startsWith("/")) way.splice(1);
        todo.push(...target.split("/").reverse());
        continue;
      }
      if (next?.inode.entry.type === "directory") {
        way.push({ node: next, path: join(here.path, name) });
        continue;
      }
      if (layer === undefined) return undefined;
      // As the engines, which make the folders on the way in place of what is there.
      const made = newNode({ entry: impliedDirectory(join(here.path, name)), layer, names: 1 });
      if (next !== undefined) this.#forget(next, { path: join(here.path, name), layer, how: "replaced" });
      here.node.children.set(name, made);
      way.push({ node: made, path: join(here.path, name) });
    }
    return way[way.length - 1]?.node;
  }
}

function newNode(inode: Inode): Node {
  return { inode, children: new Map() };
}

function impliedDirectory(path: ByteString): Plain {
  return { type: "directory", path, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
}

function join(folder: ByteString, name: string): ByteString {
  return (folder === "" ? name : `${folder}/${name}`) as ByteString;
}

function basename(path: ByteString): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function refused(code: string, layer: number | undefined, why: string): BaseKitError {
  return new BaseKitError(
    code,
    `the image cannot be unpacked${layer === undefined ? "" : `, layer ${layer}`}: ${why}`,
    {
      kind: "unsupported",
      hint: "No engine could run it either. Nothing was written.",
    },
  );
}
