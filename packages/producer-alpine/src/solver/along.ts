import { bucketOf } from "./bucket.ts";
import type { Universe } from "./universe.ts";

/** The names of what may come along with a name, in the order in which apk comes upon them. */
export function namesAlong(universe: Universe, name: string): readonly string[] {
  const candidates = universe.installedWith(name);
  const names = candidates.flatMap(({ info }) => [info.name, ...info.provides.map((provided) => provided.name)]);
  const buckets = new Map(names.map((each) => [each, bucketOf(each)]));
  return [...buckets].sort(([, a], [, b]) => a - b).map(([each]) => each);
}
