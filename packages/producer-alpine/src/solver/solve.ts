import type { Dependency } from "../apk/dependency.ts";
import { inOrderOfInstallation } from "./order.ts";
import { search } from "./search.ts";
import type { Candidate, Universe } from "./universe.ts";

export interface SolveOptions {
  readonly universe: Universe;
  /** What is asked for, as in /etc/apk/world. */
  readonly world: readonly Dependency[];
}

/**
 * The packages that satisfy the world, each after those it depends on, in apk's order of installation. The same input gives the same
 * answer.
 *
 * @throws BaseKitError `APK_UNSATISFIABLE` (usage)
 */
export function solve({ universe, world }: SolveOptions): readonly Candidate[] {
  const sorted = [...world].sort(byName);
  return inOrderOfInstallation(universe, { world: sorted, providing: search(universe, sorted) });
}

/** As apk sorts the world: letters alike, whether capital or not, and then by bytes. */
function byName(a: Dependency, b: Dependency): number {
  const [left, right] = [a.name.toLowerCase(), b.name.toLowerCase()];
  if (left !== right) return left < right ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
