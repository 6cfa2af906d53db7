import type { ByteString, Entry, FileEntry } from "@base-kit/core";
import type { ElfSource, RootNode, SearchRoot } from "@base-kit/elf";

/** The tree of an image as a place to look for programs and libraries; nothing of it is unpacked. */
export function entriesRoot(entries: readonly Entry[], name = ""): SearchRoot {
  const byPath = new Map<ByteString, Entry>();
  const children = new Map<ByteString, Set<ByteString>>();
  for (const entry of entries) {
    const path = `/${entry.path}` as ByteString;
    byPath.set(path, entry);
    for (let at = path; at !== ""; ) {
      const slash = at.lastIndexOf("/");
      const folder = at.slice(0, slash) as ByteString;
      const names = children.get(folder) ?? new Set();
      children.set(folder, names.add(at.slice(slash + 1) as ByteString));
      at = folder;
    }
  }
  const fileAt = (path: ByteString): FileEntry | undefined => {
    const entry = byPath.get(path);
    const file = entry?.type === "hardlink" ? byPath.get(`/${entry.target}` as ByteString) : entry;
    return file?.type === "file" ? file : undefined;
  };
  return {
    name,
    node: (path) => nodeOf(byPath.get(path), fileAt(path), children.has(path)),
    names: (path) => [...(children.get(path) ?? [])].sort(),
    reading: (path, work) => {
      const file = fileAt(path);
      if (file === undefined) throw new TypeError(`no file at ${path}`);
      return work(sourceOf(file));
    },
  };
}

function nodeOf(entry: Entry | undefined, file: FileEntry | undefined, isFolder: boolean): RootNode | undefined {
  if (entry === undefined) return isFolder ? { type: "directory", size: 0, mode: 0o755, mtime: 0 } : undefined;
  const { mode, mtime } = entry;
  if (file !== undefined) return { type: "file", size: file.size, mode: file.mode, mtime: file.mtime };
  if (entry.type === "symlink") return { type: "symlink", target: entry.target, size: 0, mode, mtime };
  return { type: entry.type === "directory" ? "directory" : "other", size: 0, mode, mtime };
}

/** A file in an archive can be read from its beginning only; what was read is kept while the file is looked at. */
function sourceOf(file: FileEntry): ElfSource {
  const content = file.content();
  if (!(Symbol.iterator in content)) throw new TypeError("the files of a flattened image can be read at once");
  const more = content[Symbol.iterator]();
  const chunks: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let have = 0;
  return {
    size: file.size,
    read: (offset, length) => {
      while (have < offset + length) {
        const { value, done } = more.next();
        if (done === true) break;
        chunks.push({ at: have, bytes: value });
        have += value.length;
      }
      const parts = chunks
        .filter(({ at, bytes }) => at < offset + length && at + bytes.length > offset)
        .map(({ at, bytes }) => bytes.subarray(Math.max(0, offset - at), offset + length - at));
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
  };
}
