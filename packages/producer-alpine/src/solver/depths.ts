import type { Candidate, Universe } from "./universe.ts";
import { visitDeeply } from "./visit-deeply.ts";

/** How long the longest row of needs below a name is; of a loop, where the world enters it decides. */
export function createDepths(universe: Universe, world: Iterable<string>): (name: string) => number {
  const depths = new Map<string, number>();
  const ofPackages = new Map<Candidate, number>();

  function* measure(name: string): Generator<string> {
    if (depths.has(name)) return;
    depths.set(name, 0);
    for (const { candidate } of universe.providersOf(name)) {
      if (!ofPackages.has(candidate)) {
        ofPackages.set(candidate, 0);
        for (const { name: needed } of candidate.info.depends) {
          yield needed;
          raise(ofPackages, candidate, (depths.get(needed) ?? 0) + 1);
        }
      }
      raise(depths, name, ofPackages.get(candidate) ?? 0);
    }
  }

  for (const name of world) visitDeeply(name, measure);
  return (name) => {
    visitDeeply(name, measure);
    return depths.get(name) ?? 0;
  };
}

function raise<K>(map: Map<K, number>, key: K, value: number): void {
  map.set(key, Math.max(map.get(key) ?? 0, value));
}
