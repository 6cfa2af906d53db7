import type { Candidates } from "../select/candidates.ts";

const known = new WeakMap<Candidates, Map<string, number>>();

/** Where a name first appears in the indexes, as a package or in a relation; only for comparing. */
export function firstMention(name: string, candidates: Candidates): number {
  const mentions = known.get(candidates) ?? new Map<string, number>();
  known.set(candidates, mentions);
  let found = mentions.get(name);
  if (found === undefined) {
    found = search(name, candidates);
    mentions.set(name, found);
  }
  return found;
}

function search(name: string, { indexes }: Candidates): number {
  let before = 0;
  for (const index of indexes) {
    const at = index.firstMention(name);
    if (at !== undefined) return before + at;
    before += index.size;
  }
  return Number.POSITIVE_INFINITY;
}
