import type { Package } from "../index/package.ts";
import type { PackagesIndex } from "../index/packages-index.ts";
import type { Relation } from "../index/relation.ts";
import { type Merging, mergesByLinks } from "../merged-usr.ts";
import type { DebianOptions } from "../options.ts";
import { notFound } from "./not-found.ts";

export interface DebootstrapSelection extends Merging {
  readonly options: Pick<DebianOptions, "variant" | "include" | "exclude">;
  /** One for each component, in their order. */
  readonly indexes: readonly PackagesIndex[];
  /** debootstrap adds `ca-certificates` for a mirror with https. */
  readonly mirror: string;
}

/**
 * The packages that debootstrap takes: the first alternative of each dependency, whatever its version, no `Provides`, and
 * names that nobody has ever heard of are passed over.
 *
 * Source: debootstrap 1.0.128, `work_out_debs` and `resolve_deps`.
 *
 * @throws BaseKitError `PACKAGE_UNKNOWN` (usage)
 */
export function selectAsDebootstrap(selection: DebootstrapSelection): readonly Package[] {
  const { options, indexes, mirror } = selection;
  const { include, exclude } = options;
  const required = new Set(withPriority(indexes, "required"));
  const dropped = new Set<string>();
  if (selection.distribution === "debian" && mergesByLinks(selection)) dropped.add("usrmerge");
  if (selection.distribution === "debian" && selection.codename === "bookworm") required.add("usr-is-merged");
  const base = new Set([...variantPackages(selection), ...include]);
  if (mirror.startsWith("https:")) base.add("ca-certificates");
  const wanted = new Set([...required, ...base].filter((name) => !exclude.includes(name)));

  const chosen = new Map<string, Package>();
  const unknown: string[] = [];
  for (const name of wanted) {
    const found = lastStanza(indexes, name);
    if (found === undefined) unknown.push(name);
    else chosen.set(name, found);
  }
  if (unknown.length > 0) throw notFound(unknown, indexes);
  // A map's iteration takes in what is added meanwhile.
  for (const name of chosen.keys()) {
    for (const [first] of dependencies(indexes, name)) {
      if (first === undefined || chosen.has(first.name) || dropped.has(first.name)) continue;
      const found = lastStanza(indexes, first.name);
      if (found !== undefined) chosen.set(first.name, found);
    }
  }
  return [...chosen.values()];
}

function variantPackages({ options, indexes }: DebootstrapSelection): readonly string[] {
  switch (options.variant) {
    case "buildd":
      return ["apt", "build-essential"];
    case "default":
    case "-":
    case "important":
      return withPriority(indexes, "important");
    default:
      return ["apt"];
  }
}

function withPriority(indexes: readonly PackagesIndex[], priority: string): readonly string[] {
  return indexes.flatMap((index) => index.withLine(`Priority: ${priority}`).map(({ name }) => name));
}

/** Those of all stanzas with this name, whichever is taken. */
function dependencies(indexes: readonly PackagesIndex[], name: string): readonly (readonly Relation[])[] {
  return indexes.flatMap((index) => index.find(name)).flatMap(({ preDepends, depends }) => [...preDepends, ...depends]);
}

/** Of several stanzas of one name the last counts, in the last component that has one. */
function lastStanza(indexes: readonly PackagesIndex[], name: string): Package | undefined {
  return indexes.flatMap((index) => index.find(name)).at(-1);
}
