import { posix } from "node:path";
import type { ByteString } from "@base-kit/core";
import { bytesFromText, printable } from "@base-kit/core";
import {
  architectureOf,
  type CacheEntry,
  defaultFolders,
  type Elf,
  readLdSoCache,
  readLdSoConf,
  readSmallFile,
  resolvePath,
  writeLdSoCache,
} from "@base-kit/elf";
import { bytesOf } from "./copy-file.ts";
import type { FeatureInput } from "./features.ts";
import type { ImageTree } from "./image-tree.ts";
import type { Closures } from "./needs.ts";

/** Only a library in a folder that the linker does not search by itself needs the cache. */
export function cacheEvidence({ list }: Closures): string | undefined {
  for (const { closure } of list) {
    if (closure.interpreter === undefined) continue;
    const folders = defaultFolders(closure.interpreter.file);
    const found = closure.libraries.find(
      ({ by, path }) => by === "cache" && !folders.includes(path.slice(0, path.lastIndexOf("/")) as ByteString),
    );
    if (found === undefined) continue;
    return `${printable(found.name)} is in ${printable(found.path.slice(0, found.path.lastIndexOf("/")))}`;
  }
  return undefined;
}

/** `FLAG_…` of glibc's ldconfig.h: ELF_LIBC6 and what the machine adds. */
const FLAGS: Readonly<Record<string, number>> = {
  amd64: 0x0303,
  "386": 0x0003,
  arm64: 0x0a03,
  arm: 0x0903,
  ppc64le: 0x0503,
  s390x: 0x0403,
  riscv64: 0x1003,
};

/**
 * `/etc/ld.so.conf` with the folders that count, and `/etc/ld.so.cache` with the libraries of the image: what ldconfig
 * would write there.
 */
export function placeLdSoCache({ root, tree, closures }: FeatureInput): void {
  const interpreter = closures.list.find(({ closure }) => closure.interpreter !== undefined)?.closure.interpreter;
  if (interpreter === undefined) return;
  const folders = foldersOfLibraries(tree, closures.files());
  const realPath = (folder: ByteString) => resolvePath(root, folder)?.path ?? folder;
  const configured = readLdSoConf(root).filter((folder) => folders.has(realPath(folder)));
  const seen = new Set<ByteString>();
  const entries: CacheEntry[] = [];
  for (const folder of [...configured, ...defaultFolders(interpreter.file)]) {
    const real = realPath(folder);
    if (seen.has(real)) continue;
    seen.add(real);
    for (const [name, flags] of folders.get(real) ?? []) {
      entries.push({ name, flags, path: `${folder}/${name}` as ByteString, hwcap: 0n });
    }
  }
  const old = readSmallFile(root, bytesFromText("/etc/ld.so.cache"));
  const generator = old === undefined ? undefined : readLdSoCache(old)?.generator;
  const cache = writeLdSoCache(
    { entries, ...(generator === undefined ? {} : { generator }) },
    interpreter.elf.byteOrder,
  );
  const conf = configured.map((folder) => `${folder}\n`).join("");
  tree.offer("/etc/ld.so.conf", { ...bytesOf(conf), mode: 0o644, mtime: 0 });
  tree.offer("/etc/ld.so.cache", { ...bytesOf(cache), mode: 0o644, mtime: 0 });
}

/** Per folder the names that ldconfig would list, with their flags. */
function foldersOfLibraries(
  tree: ImageTree,
  files: ReadonlyMap<ByteString, Elf>,
): ReadonlyMap<ByteString, ReadonlyMap<ByteString, number>> {
  const folders = new Map<ByteString, Map<ByteString, number>>();
  for (const [path, item] of tree.items) {
    const name = path.slice(path.lastIndexOf("/") + 1) as ByteString;
    if (!/^(?:lib|ld-).*\.so/.test(name) || item.type === "directory") continue;
    const end = item.type === "symlink" ? followed(tree, path) : path;
    const elf = end === undefined ? undefined : files.get(end);
    const flags = elf === undefined ? undefined : FLAGS[architectureOf(elf) ?? ""];
    if (end === undefined || elf === undefined || flags === undefined) continue;
    const folder = path.slice(0, path.lastIndexOf("/")) as ByteString;
    const names = folders.get(folder) ?? new Map<ByteString, number>();
    names.set(listedAs(name, item.type === "symlink" ? end : undefined, elf.dynamic?.soname ?? name), flags);
    folders.set(folder, names);
  }
  return folders;
}

/** A link counts by its own name when it leads to the library's name or is what compilers use; all else by the library's name. */
function listedAs(name: ByteString, linkTo: ByteString | undefined, soname: ByteString): ByteString {
  if (linkTo === undefined) return soname;
  const real = linkTo.slice(linkTo.lastIndexOf("/") + 1);
  return real === soname || (real.endsWith(".so") && soname.startsWith(real)) ? name : soname;
}

function followed(tree: ImageTree, path: ByteString): ByteString | undefined {
  let at = path;
  for (let links = 0; links < 40; links++) {
    const item = tree.items.get(at);
    if (item?.type !== "symlink") return item?.type === "file" ? at : undefined;
    const folder = at.slice(0, at.lastIndexOf("/"));
    const next = posix.normalize(item.target.startsWith("/") ? item.target : `${folder}/${item.target}`) as ByteString;
    at = tree.real(next);
  }
  return undefined;
}
