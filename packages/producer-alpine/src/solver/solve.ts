import type { Dependency } from "../apk/dependency.ts";
import { inOrderOfInstallation } from "./order.ts";
import { search } from "./search.ts";
import type { Candidate, Universe } from "./universe.ts";

export interface SolveOptions {
  readonly universe: Universe;
  /** What is asked for, as in /etc/apk/world. */
  readonly world: readonly Dependency[];
  /** Those of its names that `apk add` would be given now; it decides them first. @default all */
  readonly asked?: ReadonlySet<string> | undefined;
}

/**
 * The packages that satisfy the world, each after those it depends on, in apk's order of installation. The same input gives the same
 * answer.
 *
 * @throws BaseKitError `APK_UNSATISFIABLE` (usage)
 */
export function solve({ universe, world, asked }: SolveOptions): readonly Candidate[] {
  const sorted = [...world].sort(byName);
  const wish = { world: sorted, asked: asked ?? new Set(world.map(({ name }) => name)) };
  return inOrderOfInstallation(universe, { world: sorted, providing: search(universe, wish) });
}

/** As apk sorts the world: letters alike, whether capital or not, and then by bytes. */
function byName(a: Dependency, b: Dependency): number {
  const [left, right] = [a.name.toLowerCase(), b.name.toLowerCase()];
  if (left !== right) return left < right ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
