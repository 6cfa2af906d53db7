import { BaseKitError, printable } from "@base-kit/core";
import type { Package } from "../index/package.ts";
import { type Merging, mergesByLinks } from "../merged-usr.ts";
import type { DebianOptions, Variant } from "../options.ts";
import { type Request, solve } from "../solver/solve.ts";
import type { Candidates } from "./candidates.ts";
import { notFound } from "./not-found.ts";

export interface Selection extends Merging {
  readonly options: Pick<DebianOptions, "variant" | "include" | "exclude">;
  readonly candidates: Candidates;
  /** Debian's name of it. */
  readonly architecture: string;
}

/**
 * The packages of a variant and those that were asked for, with all they depend on, as apt would choose them without
 * recommendations.
 *
 * @throws BaseKitError `PACKAGE_UNKNOWN`, `PACKAGE_VIRTUAL`, `PACKAGES_UNSATISFIABLE` (usage)
 */
export function selectByDependencies(selection: Selection): readonly Package[] {
  const { options, candidates, architecture } = selection;
  const requests = new Map<string, Request>();
  const request = (name: string, why: string) => {
    if (!requests.has(name) && !options.exclude.includes(name)) requests.set(name, { name, why });
  };
  const unknown: string[] = [];
  for (const asked of options.include) {
    const name = realName(asked, candidates);
    if (name === undefined) unknown.push(asked);
    else request(name, "it was asked for");
  }
  if (unknown.length > 0) throw notFound(unknown, candidates.indexes);
  const excluded = new Set(options.exclude);
  // A new system has the links, and the package that would make them needs perl.
  const isMerged = mergesByLinks(selection) && candidates.find("usr-is-merged") !== undefined;
  if (isMerged && !requests.has("usrmerge")) {
    excluded.add("usrmerge");
    if (options.variant !== "custom") request("usr-is-merged", "the system has a merged /usr");
  }
  for (const name of variantPackages(options.variant, candidates)) {
    if (!excluded.has(name)) request(name, `it belongs to the variant ${options.variant}`);
  }
  const wanted = new Set(requests.keys());
  return solve({ candidates, architecture, wanted, requests: [...requests.values()], excluded: [...excluded] });
}

/** A virtual package stands for its provider when there is but one. */
function realName(name: string, candidates: Candidates): string | undefined {
  if (candidates.find(name) !== undefined) return name;
  const providers = candidates.providersOf(name);
  if (providers.length <= 1) return providers[0]?.name;
  throw new BaseKitError("PACKAGE_VIRTUAL", `${printable(name)} is not a package but what several provide`, {
    kind: "usage",
    hint: `Name one of them: ${providers.map((each) => each.name).join(", ")}.`,
  });
}

/** Each has what the one before it has, as with mmdebstrap; only `buildd` and `custom` stand aside. */
function variantPackages(variant: Variant, candidates: Candidates): readonly string[] {
  const names = (line: string) => candidates.withLine(line).map(({ name }) => name);
  const priority = (name: string) => names(`Priority: ${name}`);
  const essential = () => names("Essential: yes");
  const minbase = () => [...essential(), ...priority("required"), "apt"];
  const important = () => [...minbase(), ...priority("important")];
  switch (variant) {
    case "custom":
      return [];
    case "essential":
      return essential();
    case "apt":
      return [...essential(), "apt"];
    case "minbase":
    case "required":
      return minbase();
    case "buildd":
      return [...minbase(), "build-essential"];
    case "important":
    case "default":
    case "-":
      return important();
    case "standard":
      return [...important(), ...priority("standard")];
  }
}
