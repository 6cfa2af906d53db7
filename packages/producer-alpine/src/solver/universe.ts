import { type Dependency, matches } from "../apk/dependency.ts";
import type { PackageInfo } from "../apk/package-info.ts";

/** A package that can be chosen, with what only the place it comes from knows. */
export interface Candidate {
  readonly info: PackageInfo;
  /** Position of its repository: of equal packages the one from the first repository is taken. */
  readonly repository: number;
  /** The repository's tag; packages from a tagged one come only when asked for by that tag, or for those that do. */
  readonly tag?: string;
  readonly installed: boolean;
}

/** A name that a candidate goes by: its own, with its version, or one that it provides, perhaps without a version. */
export interface Provider {
  readonly candidate: Candidate;
  readonly version: string | undefined;
}

/** All that there is to choose from, by name. */
export interface Universe {
  providersOf(name: string): readonly Provider[];
  /** Those that come by themselves when something of this name has been chosen. */
  installedWith(name: string): readonly Candidate[];
}

export function createUniverse(candidates: readonly Candidate[]): Universe {
  const providers = new Map<string, Provider[]>();
  const installIf = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const { info } = candidate;
    add(providers, info.name, { candidate, version: info.version });
    for (const { name, version } of info.provides) {
      if (name !== info.name) add(providers, name, { candidate, version });
    }
    for (const { name } of info.installIf) add(installIf, name, candidate);
  }
  return {
    providersOf: (name) => providers.get(name) ?? [],
    installedWith: (name) => installIf.get(name) ?? [],
  };
}

function add<T>(map: Map<string, T[]>, name: string, value: T): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [value]);
  else list.push(value);
}

/** Whether a provider is what the dependency names, its `!` left aside. */
export function isMeant(dependency: Dependency, { candidate, version }: Provider): boolean {
  return matches(dependency, { version, checksum: candidate.info.checksum });
}

/** Whether a dependency is fulfilled when this stands for its name; undefined is nothing. */
export function isProvided(dependency: Dependency, provider: Provider | undefined): boolean {
  return (provider !== undefined && isMeant(dependency, provider)) !== dependency.conflict;
}
