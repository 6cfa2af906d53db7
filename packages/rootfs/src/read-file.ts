import { type ByteString, bytesFromText, type Entry, type FileEntry, type Rootfs } from "@base-kit/core";
import { refuseLoop, treeOf } from "./virtual-tree.ts";
import { walkPath } from "./walk-path.ts";

/** More than any package database; a larger "text" is not one. */
const TEXT_AT_MOST = 256 * 1024 ** 2;

/** What a path leads to, symbolic links followed inside the root; undefined when it leads nowhere. */
export function findEntry(rootfs: Pick<Rootfs, "segments">, path: ByteString): Entry | undefined {
  const [only, ...others] = rootfs.segments;
  const find = others.length === 0 ? only?.tree?.find : undefined;
  if (find === undefined) return treeOf(rootfs).lookup(path);
  const entry = find(walkPath(path, { find, onLoop: () => refuseLoop(path) }));
  // As in a merged tree, the name does not matter.
  return entry?.type === "hardlink" ? find(entry.target) : entry;
}

/** The file a path leads to, symbolic links followed inside the root; undefined when there is none. */
export function findFile(rootfs: Pick<Rootfs, "segments">, path: string): FileEntry | undefined {
  const entry = findEntry(rootfs, bytesFromText(path));
  return entry?.type === "file" ? entry : undefined;
}

/** The text of such a file. */
export async function readTextFile(rootfs: Pick<Rootfs, "segments">, path: string): Promise<string | undefined> {
  return (await readWholeFile(rootfs, path))?.toString("utf8");
}

/** Its bytes. */
export async function readWholeFile(rootfs: Pick<Rootfs, "segments">, path: string): Promise<Buffer | undefined> {
  const file = findFile(rootfs, path);
  if (file === undefined || file.size > TEXT_AT_MOST) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.content()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
