import { BaseKitError, printable } from "@base-kit/core";
import type { Package } from "../index/package.ts";
import type { PackagesIndex } from "../index/packages-index.ts";
import { compareVersions } from "../index/version.ts";

/** Of each package the one version that would be installed: the newest of all sources. */
export interface Candidates {
  readonly indexes: readonly PackagesIndex[];
  find(name: string): Package | undefined;
  /** Those whose `Provides` names this package. */
  providersOf(name: string): readonly Package[];
  withLine(line: string): readonly Package[];
  /** The index that a package of this collection is from. */
  indexOf(found: Package): PackagesIndex;
}

export function candidatesOf(indexes: readonly PackagesIndex[]): Candidates {
  const chosen = new Map<string, Package | undefined>();
  const origins = new Map<Package, PackagesIndex>();

  const find = (name: string): Package | undefined => {
    if (chosen.has(name)) return chosen.get(name);
    let newest: Package | undefined;
    for (const index of indexes) {
      for (const found of index.find(name)) {
        origins.set(found, index);
        if (newest === undefined) newest = found;
        else newest = newerOf(newest, found, origins);
      }
    }
    chosen.set(name, newest);
    return newest;
  };
  /** Each index has its own idea of a package; only what would be installed counts. */
  const current = (found: readonly Package[]) => [...new Set(found)].filter((each) => find(each.name) === each);

  return {
    indexes,
    find,
    providersOf: (name) => current(indexes.flatMap((index) => index.providersOf(name))),
    withLine: (line) => current(indexes.flatMap((index) => index.withLine(line))),
    indexOf: (found) => origins.get(found) ?? (indexes[0] as PackagesIndex),
  };
}

/** Of equal versions the first source's counts, when both are the same file. */
function newerOf(known: Package, other: Package, origins: ReadonlyMap<Package, PackagesIndex>): Package {
  const order = compareVersions(known.version, other.version);
  if (order !== 0) return order > 0 ? known : other;
  if (known.sha256 === other.sha256) return known;
  const places = [known, other].map((each) => `${origins.get(each)?.subject} (sha256 ${each.sha256})`);
  throw new BaseKitError(
    "PACKAGE_AMBIGUOUS",
    `${printable(known.name)} ${printable(known.version)} has two contents: in ${places.join(" and in ")}`,
    {
      kind: "verification",
      hint: "Two archives give one version to different files, so what would be installed is a matter of chance. Leave one of them out.",
    },
  );
}
