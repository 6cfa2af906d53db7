import type { Package } from "../index/package.ts";
import { admits, type Relation } from "../index/relation.ts";
import type { Candidates } from "../select/candidates.ts";
import { firstMention } from "./first-mention.ts";

export interface SatisfierOptions {
  readonly candidates: Candidates;
  /** Of the system, in Debian's spelling. */
  readonly architecture: string;
  /** What was asked for by name; it is taken before others that do as well. */
  readonly wanted: ReadonlySet<string>;
}

/** The packages that make an alternative true, the best first. */
export function satisfiers(relation: Relation, options: SatisfierOptions): readonly Package[] {
  const { candidates, architecture } = options;
  const real = candidates.find(relation.name);
  const isReal = real !== undefined && admits(relation, real.version) && isReachable(relation, real, architecture);
  const providers = candidates.providersOf(relation.name).filter((each) => each !== real && provides(each, relation));
  const others = isReachable(relation, undefined, architecture) ? providers.sort(byPreference(options)) : [];
  return isReal ? withWantedFirst(real, others, options) : others;
}

function withWantedFirst(real: Package, others: readonly Package[], { wanted }: SatisfierOptions): readonly Package[] {
  const first = wanted.has(real.name) ? [] : others.filter(({ name }) => wanted.has(name));
  return [...first, real, ...others.filter((each) => !first.includes(each))];
}

/** The packages that a `Conflicts` or `Breaks` means. */
export function affected(relation: Relation, { candidates, architecture }: SatisfierOptions): readonly Package[] {
  const real = candidates.find(relation.name);
  const isReal = real !== undefined && admits(relation, real.version);
  const isElsewhere = relation.qualifier !== undefined && !["any", "native", architecture].includes(relation.qualifier);
  if (isElsewhere) return [];
  const providers = candidates.providersOf(relation.name).filter((each) => each !== real && provides(each, relation));
  return isReal ? [real, ...providers] : providers;
}

/**
 * An image holds packages of one architecture, so `name:armhf` on arm64 has no answer. `any` accepts a package of another
 * architecture, which the package has to allow even if it is of this one (deb-control(5), "Multi-Arch").
 */
function isReachable({ qualifier }: Relation, found: Package | undefined, architecture: string): boolean {
  if (qualifier === undefined || qualifier === "native" || qualifier === architecture) return true;
  return qualifier === "any" && (found === undefined || found.multiArch === "allowed");
}

/** A version in a relation is met only by a provision with a version (Debian Policy §7.5). */
function provides(provider: Package, relation: Relation): boolean {
  return provider.provides.some(({ name, version, qualifier }) => {
    if (name !== relation.name) return false;
    if (relation.qualifier === "any" && qualifier !== "any" && provider.multiArch !== "allowed") return false;
    return relation.version === undefined || (version?.relation === "=" && admits(relation, version.than));
  });
}

/** The numbers that apt gives the priorities; an unknown one is the least. */
const PRIORITIES: Readonly<Record<string, number>> = { required: 1, important: 2, standard: 3, optional: 4, extra: 5 };

/**
 * Which of several providers is taken: what was asked for, what is essential, what has the higher priority, and then the one
 * that the index mentions last. Source: apt 2.6, `CompareProviders` (the last rule is the order of its numbers).
 */
function byPreference({ candidates, wanted }: SatisfierOptions): (a: Package, b: Package) => number {
  const rank = ({ name, essential, priority }: Package) =>
    (wanted.has(name) ? 0 : 100) + (essential ? 0 : 10) + (PRIORITIES[priority ?? ""] ?? 6);
  return (a, b) => rank(a) - rank(b) || firstMention(b.name, candidates) - firstMention(a.name, candidates);
}
