import { createHash } from "node:crypto";
import { canonicalJson, type Entry, type Rootfs, type Segment } from "@base-kit/core";

/** A pure change of a root filesystem; transforms are applied in the order they are listed. */
export type Transform = (rootfs: Rootfs) => Rootfs;

/** In the order of the list. */
export function applyTransforms(rootfs: Rootfs, transforms: readonly Transform[]): Rootfs {
  return transforms.reduce((current, transform) => transform(current), rootfs);
}

/** Changes the entries of every segment alike. `name` and `parameters` tell this change from all others in the segments' keys. */
export function eachSegment(
  name: string,
  parameters: unknown,
  change: (entries: Iterable<Entry>) => Iterable<Entry>,
): Transform {
  const id = canonicalJson([name, parameters]);
  const changed = (segment: Segment): Segment => {
    const entries = [...change(segment.entries())];
    // A segment that nothing happened to keeps its key, and with it whatever is known or kept of it.
    if (isSame(segment.entries(), entries)) return segment;
    return {
      origin: segment.origin,
      key: `${name}:sha256:${createHash("sha256").update(`${segment.key}\n${id}`).digest("hex")}`,
      entries: () => entries,
    };
  };
  return (rootfs) => {
    const segments = rootfs.segments.map(changed);
    // The same segments are the same tree, which need not be made again.
    return segments.every((segment, at) => segment === rootfs.segments[at]) ? rootfs : { ...rootfs, segments };
  };
}

function isSame(before: Iterable<Entry>, after: readonly Entry[]): boolean {
  let at = 0;
  for (const entry of before) if (entry !== after[at++]) return false;
  return at === after.length;
}
