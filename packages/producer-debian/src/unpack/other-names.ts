import type { ByteString, Entry } from "@base-kit/core";

/**
 * A file that another package replaces has perhaps other names, hard links, which are not replaced: the first of them becomes the file,
 * as it is on a disk when one of its names goes.
 *
 * @param files a package's, by path
 * @param gone its files that were replaced, by path
 */
export function keepOtherNames(files: Map<ByteString, Entry>, gone: ReadonlyMap<ByteString, Entry>): void {
  const names = new Map<ByteString, ByteString>();
  for (const [path, entry] of files) {
    if (entry.type !== "hardlink") continue;
    const file = gone.get(entry.target);
    if (file === undefined || file.type === "hardlink") continue;
    const first = names.get(entry.target);
    files.set(path, first === undefined ? { ...file, path } : { ...entry, target: first });
    if (first === undefined) names.set(entry.target, path);
  }
}
