import type { BaseKitError } from "@base-kit/core";
import type { Dependency } from "../apk/dependency.ts";
import { compareVersions } from "../apk/version.ts";
import { createDepths } from "./depths.ts";
import { type Dead, unsatisfiable } from "./explain.ts";
import { inPreference } from "./preference.ts";
import { type Candidate, isMeant, isProvided, type Provider, type Universe } from "./universe.ts";

/** Choices looked at before a search is given up; the largest real images need a few thousand. */
const STEPS_AT_MOST = 200_000;

export interface Wish {
  /** Sorted. */
  readonly world: readonly Dependency[];
  /** Names that are asked for just now, and therefore decided first. */
  readonly asked: ReadonlySet<string>;
}

/**
 * What stands for each name in an answer to a sorted world, if there is one.
 *
 * Names are decided one at a time, those that leave no choice first, the others in apk's order; a choice that turns out impossible is
 * taken back and the next one tried, so that there is an answer also where apk gives up. Among possible answers the preferences are apk's:
 * what is installed, the newest version, the highest provider priority, the first repository. Where apk's answer is an accident of how
 * its own search goes, ours differs: docs/alpine.md has the cases.
 *
 * @throws BaseKitError `APK_UNSATISFIABLE` (usage)
 */
export function search(universe: Universe, wish: Wish): (name: string) => Provider | undefined {
  const strict = new Search(universe, wish);
  const found = [strict, new Search(universe, wish, { isLenient: true })].find((search) => search.run());
  if (found === undefined) throw strict.reason();
  return (name) => found.providing(name);
}

interface Demand {
  readonly dependency: Dependency;
  /** Undefined for the world. */
  readonly by: Candidate | undefined;
}

interface Decision {
  readonly name: string;
  /** What is left to try, best first; `nothing` declines what may come along. */
  readonly choices: (Candidate | "nothing")[];
  /** How much had been done before. */
  readonly mark: number;
}

class Search {
  readonly universe: Universe;
  /** Whether a virtual name may be decided without a reason when all that had one was in vain. */
  readonly #isLenient: boolean;
  readonly #asked: ReadonlySet<string>;
  readonly #depthOf: (name: string) => number;
  /** What has been chosen, by every name it provides with a version, and by its own. */
  readonly #chosen = new Map<string, Provider>();
  /** Chosen packages that provide a name without a version: several may. */
  readonly #virtual = new Map<string, Provider[]>();
  readonly #demands = new Map<string, Demand[]>();
  readonly #open = new Set<string>();
  /** Names of packages that may come along with what is chosen; wanted, but not at any price. */
  readonly #offered = new Set<string>();
  /** How to take back everything since the start, last first. */
  readonly #undo: (() => void)[] = [];
  #steps = 0;
  #deepest: Dead | undefined;
  #deepestAt = -1;

  constructor(universe: Universe, { world, asked }: Wish, { isLenient = false } = {}) {
    this.universe = universe;
    this.#isLenient = isLenient;
    this.#asked = asked;
    this.#depthOf = createDepths(
      universe,
      world.map(({ name }) => name),
    );
    for (const dependency of world) this.require(dependency, undefined);
  }

  /** What stands for a name now. */
  providing(name: string): Provider | undefined {
    return this.#chosen.get(name) ?? this.#virtual.get(name)?.[0];
  }

  require(dependency: Dependency, by: Candidate | undefined): void {
    const demands = this.#demands.get(dependency.name) ?? [];
    demands.push({ dependency, by });
    this.#demands.set(dependency.name, demands);
    this.#undo.push(() => void demands.pop());
    if (!dependency.conflict && !this.#isDecided(dependency.name) && !this.#open.has(dependency.name)) {
      this.#open.add(dependency.name);
      this.#undo.push(() => void this.#open.delete(dependency.name));
    }
  }

  /** Decides everything; false where there is no answer. */
  run(): boolean {
    const stack: Decision[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      stack.push(next);
      while (!this.#advance(stack.at(-1) as Decision)) {
        stack.pop();
        if (stack.length === 0) return false;
      }
    }
    return true;
  }

  reason(): BaseKitError {
    return unsatisfiable(this.#deepest, this.universe);
  }

  /** Takes the next choice of a decision that works so far. */
  #advance({ name, choices, mark }: Decision): boolean {
    this.#takeBack(mark);
    for (let choice = choices.shift(); choice !== undefined; choice = choices.shift()) {
      if (++this.#steps > STEPS_AT_MOST) throw unsatisfiable(this.#deepest, this.universe, STEPS_AT_MOST);
      if (choice === "nothing" ? this.#decline(name) : this.#choose(choice)) return true;
      this.#takeBack(mark);
    }
    this.#remember({ name, demands: this.#demands.get(name) ?? [] });
    return false;
  }

  #takeBack(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.();
  }

  /** The failure that was met with most decided tells most. */
  #remember(dead: Omit<Dead, "chosen">): void {
    if (this.#undo.length <= this.#deepestAt) return;
    this.#deepestAt = this.#undo.length;
    const current = this.providing(dead.name)?.candidate;
    this.#deepest = { name: dead.name, demands: [...dead.demands], chosen: current };
  }

  #isDecided(name: string): boolean {
    return this.#chosen.has(name) || this.#virtual.has(name);
  }

  /**
   * What to decide next: a name that leaves no choice; else, as apk, what was asked for by name, then what its own packages alone stand
   * for, then what has most needs below it, then the latest. A name that nobody may choose for comes last: what is chosen for
   * another may provide it.
   */
  #next(): Decision | undefined {
    let best: string | undefined;
    let waiting: string | undefined;
    const decision = (name: string, choices: Decision["choices"]) => ({ name, choices, mark: this.#undo.length });
    for (const name of [...this.#open].reverse()) {
      if (this.#isDecided(name)) continue;
      const choices = this.#choices(name);
      const possible = this.#possible(name).length;
      if (choices.length === 0 && possible > 0) {
        if (waiting === undefined || name < waiting) waiting = name;
        continue;
      }
      if (choices.length === 0) return decision(name, []);
      if (possible === 1) return decision(name, [...choices]);
      if (best === undefined || this.#rank(name, best) < 0) best = name;
    }
    for (const name of this.#offered) {
      if (this.#isDecided(name) || this.#open.has(name) || this.#offers(name).length === 0) continue;
      if (best === undefined || this.#rank(name, best) < 0) best = name;
    }
    if (best === undefined) return waiting === undefined ? undefined : decision(waiting, []);
    if (this.#open.has(best)) return decision(best, [...this.#choices(best)]);
    return decision(best, [...this.#offers(best), "nothing"]);
  }

  /** Packages of a name whose `install_if` holds, best first. */
  #offers(name: string): readonly Candidate[] {
    const own = this.universe.providersOf(name).map(({ candidate }) => candidate);
    return (
      own
        .filter(({ info, tag }) => info.name === name && tag === undefined && info.installIf.length > 0)
        // What has to be absent counts once it was decided: apk leaves open what nobody asks for.
        .filter(({ info }) => info.installIf.every((each) => this.#isDecided(each.name) && this.#holds(each)))
        .sort((a, b) => compareVersions(b.info.version, a.info.version))
    );
  }

  #decline(name: string): boolean {
    this.#offered.delete(name);
    this.#undo.push(() => void this.#offered.add(name));
    return true;
  }

  #rank(a: string, b: string): number {
    return (
      Number(this.#asked.has(b)) - Number(this.#asked.has(a)) ||
      this.#others(a) - this.#others(b) ||
      this.#depthOf(b) - this.#depthOf(a)
    );
  }

  /** 0 when only packages of this name stand for it, 2 when only others do. */
  #others(name: string): number {
    const providers = this.universe.providersOf(name);
    const others = providers.filter(({ candidate }) => candidate.info.name !== name).length;
    return others === 0 ? 0 : others === providers.length ? 2 : 1;
  }

  #holds(dependency: Dependency): boolean {
    const providers = [this.#chosen.get(dependency.name), ...(this.#virtual.get(dependency.name) ?? [])];
    return providers.some((each) => each !== undefined && isMeant(dependency, each)) !== dependency.conflict;
  }

  /** What could stand for a name, be it that nobody may choose it; where all is contradicted, that, for the reasons why. */
  #possible(name: string): readonly Provider[] {
    const demands = this.#demands.get(name) ?? [];
    const allowed = this.universe.providersOf(name).filter((each) => this.#isAllowed(each, demands));
    const uncontradicted = allowed.filter(({ candidate }) => this.#isUncontradicted(candidate));
    return uncontradicted.length > 0 ? uncontradicted : allowed;
  }

  /** What may be chosen for a name, best first. */
  #choices(name: string): readonly Candidate[] {
    const possible = this.#possible(name);
    const asked = new Set((this.#demands.get(name) ?? []).map(({ dependency }) => dependency.tag));
    const eligible = possible.filter(
      ({ candidate, version }) =>
        version !== undefined || candidate.info.providerPriority > 0 || this.#isWanted(candidate),
    );
    // Nobody but the user can choose among several others: apk asks for a decision too.
    const others = possible.filter((each) => !eligible.includes(each));
    const isAlone = new Set(others.map(({ candidate }) => candidate.info.name)).size === 1;
    const mayBeTaken = isAlone && (eligible.length === 0 || this.#isLenient);
    return [...inPreference(eligible, asked), ...inPreference(mayBeTaken ? others : [], asked)];
  }

  /** Whether nothing that was decided speaks against a package. */
  #isUncontradicted(candidate: Candidate): boolean {
    const { info } = candidate;
    const there = this.#chosen.get(info.name);
    if (there !== undefined) return there.candidate === candidate;
    const own: Provider = { candidate, version: info.version };
    const demands = this.#demands.get(info.name) ?? [];
    return (
      !this.#virtual.has(info.name) &&
      demands.every(({ dependency }) => isProvided(dependency, own)) &&
      info.provides.every(({ name, version }) => version === undefined || !this.#isDecided(name)) &&
      info.depends.every((dependency) => this.#isMetOrOpen(dependency))
    );
  }

  #isMetOrOpen(dependency: Dependency): boolean {
    if (this.#isDecided(dependency.name)) return this.#holds(dependency);
    return dependency.conflict || this.universe.providersOf(dependency.name).some((each) => isMeant(dependency, each));
  }

  #isWanted({ info }: Candidate): boolean {
    return (this.#demands.get(info.name) ?? []).some(({ dependency }) => !dependency.conflict);
  }

  #isAllowed(provider: Provider, demands: readonly Demand[]): boolean {
    const { candidate } = provider;
    if (candidate.tag !== undefined && !candidate.installed && !this.#isTagAsked(candidate.tag, demands)) return false;
    return demands.every(({ dependency }) => isMeant(dependency, provider) !== dependency.conflict);
  }

  /** A tag is asked for by name, or passed on by a package that came from there. */
  #isTagAsked(tag: string, demands: readonly Demand[]): boolean {
    return demands.some(({ dependency, by }) => dependency.tag === tag || by?.tag === tag);
  }

  /** Everything that follows from taking a package; false as soon as something speaks against it. */
  #choose(candidate: Candidate): boolean {
    const { info } = candidate;
    const own: Provider = { candidate, version: info.version };
    if (!this.#lock(info.name, own)) return false;
    for (const { name, version } of info.provides) {
      if (name !== info.name && !this.#lock(name, { candidate, version })) return false;
    }
    for (const dependency of info.depends) {
      this.require(dependency, candidate);
      if (!this.#isStillPossible(dependency)) {
        this.#remember({ name: dependency.name, demands: this.#demands.get(dependency.name) ?? [] });
        return false;
      }
    }
    this.#offerFor([info.name, ...info.provides.map(({ name }) => name)]);
    return true;
  }

  #lock(name: string, provider: Provider): boolean {
    const demands = this.#demands.get(name) ?? [];
    const there = this.#chosen.get(name);
    const isVirtual = provider.version === undefined;
    const speaksAgainst =
      (there !== undefined && there.candidate !== provider.candidate) ||
      (!isVirtual && this.#virtual.has(name)) ||
      // What is provided without a version may be one of several; all together have to satisfy the others.
      demands.some(({ dependency }) =>
        dependency.conflict ? isMeant(dependency, provider) : !isVirtual && !isMeant(dependency, provider),
      );
    if (speaksAgainst) {
      this.#remember({ name, demands });
      return false;
    }
    if (isVirtual) {
      const list = this.#virtual.get(name) ?? [];
      list.push(provider);
      this.#virtual.set(name, list);
      this.#undo.push(() => {
        list.pop();
        if (list.length === 0) this.#virtual.delete(name);
      });
    } else if (there === undefined) {
      this.#chosen.set(name, provider);
      this.#undo.push(() => void this.#chosen.delete(name));
    }
    return true;
  }

  #isStillPossible(dependency: Dependency): boolean {
    if (this.#isDecided(dependency.name)) return this.#holds(dependency);
    return dependency.conflict || this.#possible(dependency.name).length > 0;
  }

  #offerFor(names: readonly string[]): void {
    for (const name of names) {
      for (const { info } of this.universe.installedWith(name)) {
        if (this.#offered.has(info.name)) continue;
        this.#offered.add(info.name);
        this.#undo.push(() => void this.#offered.delete(info.name));
      }
    }
  }
}
