import { createHash } from "node:crypto";
import { canonicalJson, type Entry, type Segment } from "@base-kit/core";
import { filterEntries } from "../filter-entries.ts";
import { growTree, treeOf } from "../virtual-tree.ts";
import type { Transform } from "./transform.ts";

/** Puts entries in, replacing what is at the same paths. They become a segment of their own, named `origin`. */
export function addEntries(entries: readonly Entry[], origin: string): Transform {
  const key = `added:sha256:${createHash("sha256")
    .update(canonicalJson(entries.map(describe)))
    .digest("hex")}`;
  return (rootfs) => {
    const tree = treeOf(rootfs);
    // `bin/x` replaces `usr/bin/x` where bin is a link.
    const replaced = new Set(entries.filter(({ type }) => type !== "directory").map(({ path }) => tree.place(path)));
    const added: Segment = { key, origin, entries: () => entries };
    // Mostly nothing is there, and then no segment has to be looked through.
    if (![...replaced].some((place) => tree.has(place))) return { ...rootfs, segments: growTree(rootfs, added) };
    const without = (segment: Segment): Segment => ({
      origin: segment.origin,
      key: `without:${key}:${segment.key}`,
      entries: () => filterEntries(segment.entries(), ({ path }) => !replaced.has(tree.place(path))),
    });
    // A segment that loses nothing keeps its key, and with it whatever was cached for it.
    const touched = (segment: Segment): boolean => {
      for (const { path } of segment.entries()) if (replaced.has(tree.place(path))) return true;
      return false;
    };
    const kept = rootfs.segments.map((segment) => (touched(segment) ? without(segment) : segment));
    return { ...rootfs, segments: [...kept, added] };
  };
}

/** Everything that determines an entry, as JSON. Added files are small and in memory, or their content was hashed by their maker. */
function describe(entry: Entry): unknown {
  if (entry.type !== "file")
    return { ...entry, xattrs: [...(entry.xattrs ?? [])].map(([key, value]) => [key, [...value]]) };
  const { content, xattrs, ...rest } = entry;
  const hash = createHash("sha256");
  const chunks = content();
  if (!(Symbol.iterator in chunks)) throw new Error(`the content of an added file must be at hand: ${entry.path}`);
  for (const chunk of chunks) hash.update(chunk);
  return { ...rest, xattrs: [...(xattrs ?? [])].map(([key, value]) => [key, [...value]]), sha256: hash.digest("hex") };
}
