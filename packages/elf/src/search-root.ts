import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { ByteString } from "@base-kit/core";
import { BaseKitError, bufferFromBytes, bytesFromBuffer, printable, systemErrorCode } from "@base-kit/core";
import type { ElfSource } from "./source.ts";
import { withFileSource } from "./source.ts";

/** A tree in which libraries are looked for: this machine's, a directory with another system, an image. Nothing outside it is seen. */
export interface SearchRoot {
  /** For messages; empty for this machine. */
  readonly name: string;
  /** What is at an absolute path none of whose folders is a symbolic link; the path itself may be one. */
  node(path: ByteString): RootNode | undefined;
  /** Names in such a folder, sorted; none when it cannot be read. */
  names(path: ByteString): readonly ByteString[];
  /** Lets `work` read the file at such a path. */
  reading<T>(path: ByteString, work: (source: ElfSource) => T): T;
}

export interface RootNode {
  readonly type: "file" | "directory" | "symlink" | "other";
  /** Of a symbolic link. */
  readonly target?: ByteString;
  /** Bytes. */
  readonly size: number;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Differs once the file was touched; where that can happen. */
  readonly stamp?: string;
}

/** A directory as a root; `/` is this machine. What was seen is remembered: a search is about one moment. */
export function directoryRoot(directory = "/"): SearchRoot {
  const base = directory === "/" ? "" : directory.replace(/\/+$/, "");
  const nodes = new Map<ByteString, RootNode | undefined>();
  const place = (path: ByteString) => Buffer.concat([Buffer.from(base), bufferFromBytes(path)]);
  return {
    name: base,
    node: (path) => {
      if (!nodes.has(path)) nodes.set(path, nodeAt(path === "" ? Buffer.from(base || "/") : place(path)));
      return nodes.get(path);
    },
    names: (path) => {
      try {
        return readdirSync(path === "" ? Buffer.from(base || "/") : place(path), { encoding: "buffer" })
          .map((name) => bytesFromBuffer(name))
          .sort();
      } catch {
        return [];
      }
    },
    reading: (path, work) => {
      const name = `${base}${path}`;
      const result = withFileSource(place(path), work, name);
      const before = nodes.get(path)?.stamp;
      if (before !== undefined && nodeAt(place(path))?.stamp !== before) throw changed(name);
      return result;
    },
  };
}

function nodeAt(path: Buffer): RootNode | undefined {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    if (stat === undefined) return undefined;
    const facts = {
      size: Number(stat.size),
      mode: Number(stat.mode & 0o7777n),
      mtime: Number(stat.mtimeNs / 1_000_000_000n),
      // The time of the last status change cannot be set back.
      stamp: `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`,
    };
    if (stat.isSymbolicLink())
      return { ...facts, type: "symlink", target: bytesFromBuffer(readlinkSync(path, { encoding: "buffer" })) };
    return { ...facts, type: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other" };
  } catch (error) {
    // A name below a file, or too long a one, is not there. What nobody may look at cannot be told from it by a linker.
    if (["ENOTDIR", "ENAMETOOLONG", "ELOOP", "EACCES"].includes(systemErrorCode(error) ?? "")) return undefined;
    throw error;
  }
}

function changed(name: string): BaseKitError {
  return new BaseKitError("ELF_CHANGED", `${printable(name)} changed while it was read`, {
    kind: "failure",
    hint: "Wait until whoever changes it is done, and try again. Nothing was written.",
  });
}

/** Where a path leads. */
export interface Resolved {
  /** As it was asked for. */
  readonly asked: ByteString;
  /** No part of it is a symbolic link. */
  readonly path: ByteString;
  readonly node: RootNode;
  /** The symbolic links on the way, each at a path without links, in the order they were met. */
  readonly links: readonly ByteString[];
}

/** As the kernel: path_resolution(7). */
const LINKS_AT_MOST = 40;

/** Follows an absolute path inside the root, as a kernel would after chroot; undefined when it leads nowhere. */
export function resolvePath(root: SearchRoot, path: ByteString): Resolved | undefined {
  const todo = path.split("/").reverse();
  const links: ByteString[] = [];
  let at = "" as ByteString;
  let node: RootNode | undefined = DIRECTORY;
  while (todo.length > 0) {
    const name = todo.pop() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/"))) as ByteString;
      node = DIRECTORY;
      continue;
    }
    if (node.type !== "directory") return undefined;
    const next = `${at}/${name}` as ByteString;
    const found = root.node(next);
    if (found === undefined) return undefined;
    if (found.type === "symlink") {
      links.push(next);
      if (links.length > LINKS_AT_MOST) return undefined;
      const target = found.target ?? "";
      if (target.startsWith("/")) at = "" as ByteString;
      todo.push(...target.split("/").reverse());
      continue;
    }
    at = next;
    node = found;
  }
  return { asked: path, path: at === "" ? ("/" as ByteString) : at, node: at === "" ? DIRECTORY : node, links };
}

const DIRECTORY: RootNode = { type: "directory", size: 0, mode: 0o755, mtime: 0 };

/** The bytes of a small file that a path leads to; undefined when there is none or it is larger than `atMost`. */
export function readSmallFile(root: SearchRoot, path: ByteString, atMost: number = 16 * 1024 ** 2): Buffer | undefined {
  const found = resolvePath(root, path);
  if (found?.node.type !== "file" || found.node.size > atMost) return undefined;
  return root.reading(found.path, (source) => {
    const bytes = source.read(0, source.size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  });
}
