import { BaseKitError, printable } from "@base-kit/core";
import { type Dependency, formatDependency } from "../apk/dependency.ts";
import type { Candidate, Universe } from "./universe.ts";

/** Where a search could not go on: a name that nothing can stand for, and who demands what of it. */
export interface Dead {
  readonly name: string;
  readonly demands: readonly { readonly dependency: Dependency; readonly by: Candidate | undefined }[];
  /** What stood for the name already. */
  readonly chosen: Candidate | undefined;
}

const LINES_AT_MOST = 6;

/** The reason in words: who needs what, and what there is instead. */
export function unsatisfiable(dead: Dead | undefined, universe: Universe, steps?: number): BaseKitError {
  const { name = "", demands = [], chosen } = dead ?? {};
  const providers = universe.providersOf(name);
  const offered = [...new Set(providers.map(({ candidate: { info } }) => `${info.name}-${info.version}`))];
  const there =
    providers.length === 0
      ? `no package is or provides ${printable(name)}`
      : `there is ${offered.slice(0, LINES_AT_MOST).map(printable).join(", ")}${offered.length > LINES_AT_MOST ? ", …" : ""}`;
  const needs = [...new Set(demands.map(describe))].slice(0, LINES_AT_MOST).join("; ");
  const already =
    chosen === undefined ? "" : `; ${printable(`${chosen.info.name}-${chosen.info.version}`)} is chosen already`;
  const gaveUp = steps === undefined ? "" : ` (given up after ${steps} choices)`;
  const isAmbiguous = providers.length > 1 && providers.every(({ version }) => version === undefined);
  return new BaseKitError("APK_UNSATISFIABLE", `the packages cannot be chosen${gaveUp}: ${needs}; ${there}${already}`, {
    kind: "usage",
    hint: isAmbiguous
      ? "Several packages provide it and none comes before the others: name the one you want. Nothing was written."
      : "Change what is asked for, or add a repository that has it. Nothing was written.",
  });
}

function describe({ dependency, by }: Dead["demands"][number]): string {
  const who = by === undefined ? "the request" : printable(`${by.info.name}-${by.info.version}`);
  return `${who} needs ${printable(formatDependency(dependency))}`;
}
