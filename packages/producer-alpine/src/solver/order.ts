import type { Dependency } from "../apk/dependency.ts";
import { namesAlong } from "./along.ts";
import { type Candidate, isProvided, type Provider, type Universe } from "./universe.ts";
import { visitDeeply } from "./visit-deeply.ts";

/**
 * What was chosen in apk's order of installation: through the world by name, what a package depends on before it, what comes along
 * after it.
 */
export function inOrderOfInstallation(
  universe: Universe,
  {
    world,
    providing,
  }: { readonly world: readonly Dependency[]; readonly providing: (name: string) => Provider | undefined },
): readonly Candidate[] {
  const order: Candidate[] = [];
  const placed = new Set<Candidate>();
  /** Names that were looked at: a virtual name counts with the first package that provides it, whatever it stands for. */
  const passed = new Set<string>();

  function* place(name: string): Generator<string> {
    if (passed.has(name)) return;
    passed.add(name);
    const candidate = providing(name)?.candidate;
    if (candidate === undefined || placed.has(candidate)) return;
    placed.add(candidate);
    const names = [candidate.info.name, ...candidate.info.provides.map((provided) => provided.name)];
    for (const each of names) passed.add(each);
    for (const dependency of candidate.info.depends) yield dependency.name;
    order.push(candidate);
    for (const along of names.flatMap((each) => namesAlong(universe, each))) {
      if (!passed.has(along) && comesNow(along)) yield along;
    }
  }

  function comesNow(name: string): boolean {
    const along = providing(name)?.candidate.info.installIf;
    return along?.every((each) => passed.has(each.name) && isProvided(each, providing(each.name))) ?? false;
  }

  for (const { name } of world) visitDeeply(name, place);
  return order;
}
