import type { Dependency } from "../apk/dependency.ts";
import { compareVersions } from "../apk/version.ts";
import { type Dead, unsatisfiable } from "./explain.ts";
import { type Candidate, isMeant, type Provider, type Universe } from "./universe.ts";

export interface SolveOptions {
  readonly universe: Universe;
  /** What is asked for, as in /etc/apk/world. */
  readonly world: readonly Dependency[];
}

/** Choices looked at before a search is given up; the largest real images need a few thousand. */
const STEPS_AT_MOST = 200_000;

/**
 * The packages that satisfy the world, each after those it depends on, in apk's order of installation.
 *
 * Names are decided one at a time, those that leave no choice first; a choice that turns out impossible is taken back and the next
 * one tried, so an answer is found whenever there is one. Among possible answers the preferences are apk's: what is installed, the newest version,
 * the highest provider priority, the first repository. The same input gives the same answer.
 *
 * @throws BaseKitError `APK_UNSATISFIABLE` (usage)
 */
export function solve({ universe, world }: SolveOptions): readonly Candidate[] {
  const search = new Search(universe);
  const sorted = [...world].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const dependency of sorted) search.require(dependency, undefined);
  search.run();
  return inOrderOfInstallation(search, sorted);
}

interface Demand {
  readonly dependency: Dependency;
  /** Undefined for the world. */
  readonly by: Candidate | undefined;
}

class Search {
  readonly universe: Universe;
  /** What has been chosen, by every name it provides with a version, and by its own. */
  readonly #chosen = new Map<string, Provider>();
  /** Chosen packages that provide a name without a version: several may. */
  readonly #virtual = new Map<string, Provider[]>();
  readonly #demands = new Map<string, Demand[]>();
  readonly #open = new Set<string>();
  /** Packages whose `install_if` came true; wanted, but not at any price. */
  readonly #offered = new Set<Candidate>();
  readonly #declined = new Set<Candidate>();
  /** How to take back everything since the start, last first. */
  readonly #undo: (() => void)[] = [];
  #steps = 0;
  #deepest: Dead | undefined;
  #deepestAt = -1;

  constructor(universe: Universe) {
    this.universe = universe;
  }

  /** What stands for a name now. */
  providing(name: string): Provider | undefined {
    return this.#chosen.get(name) ?? this.#virtual.get(name)?.[0];
  }

  isChosen(candidate: Candidate): boolean {
    return this.#chosen.get(candidate.info.name)?.candidate === candidate;
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

  run(): void {
    const stack: { readonly choices: Iterator<Candidate>; readonly mark: number; readonly name: string }[] = [];
    for (;;) {
      const name = this.#next();
      if (name === undefined) {
        const offer = this.#nextOffer();
        if (offer === undefined) return;
        const mark = this.#undo.length;
        if (!this.#choose(offer)) this.#takeBack(mark);
        if (!this.isChosen(offer)) this.#declined.add(offer);
        continue;
      }
      stack.push({ choices: this.#choices(name)[Symbol.iterator](), mark: this.#undo.length, name });
      while (!this.#advance(stack.at(-1) as (typeof stack)[number])) {
        stack.pop();
        if (stack.length === 0) throw unsatisfiable(this.#deepest, this.universe);
      }
    }
  }

  /** Takes the next choice of a decision that works so far. */
  #advance(decision: { readonly choices: Iterator<Candidate>; readonly mark: number; readonly name: string }): boolean {
    this.#takeBack(decision.mark);
    for (let next = decision.choices.next(); next.done !== true; next = decision.choices.next()) {
      if (++this.#steps > STEPS_AT_MOST) throw unsatisfiable(this.#deepest, this.universe, STEPS_AT_MOST);
      if (this.#choose(next.value)) return true;
      this.#takeBack(decision.mark);
    }
    this.#remember({ name: decision.name, demands: this.#demands.get(decision.name) ?? [] });
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
   * The open name with the fewest choices; of equal ones the first by name, so that the order they came in does not matter. One that
   * nobody may choose for comes last: what is chosen for another name may provide it.
   */
  #next(): string | undefined {
    let best: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    let waiting: string | undefined;
    for (const name of this.#open) {
      if (this.#isDecided(name)) continue;
      const count = this.#choices(name).length;
      if (count === 0 && this.#isProvidable(name)) {
        if (waiting === undefined || name < waiting) waiting = name;
        continue;
      }
      if (count < fewest || (count === fewest && best !== undefined && name < best)) {
        best = name;
        fewest = count;
      }
      if (count === 0) break;
    }
    return best ?? waiting;
  }

  /** Whether something could stand for a name, be it that nobody may choose it. */
  #isProvidable(name: string): boolean {
    const demands = this.#demands.get(name) ?? [];
    return this.universe.providersOf(name).some((each) => this.#isAllowed(each, demands));
  }

  #nextOffer(): Candidate | undefined {
    for (const offer of this.#offered) {
      if (this.isChosen(offer) || this.#declined.has(offer)) continue;
      const holds = offer.info.installIf.every((each) => this.#holds(each));
      // Chosen under another version already, or no longer wanted.
      if (holds && !this.#isDecided(offer.info.name)) return this.#newestOffered(offer);
    }
    return undefined;
  }

  #newestOffered(offer: Candidate): Candidate {
    const same = [...this.#offered].filter(
      (each) =>
        each.info.name === offer.info.name &&
        !this.#declined.has(each) &&
        each.info.installIf.every((dependency) => this.#holds(dependency)),
    );
    return same.sort((a, b) => compareVersions(b.info.version, a.info.version))[0] ?? offer;
  }

  #holds(dependency: Dependency): boolean {
    const providers = [this.#chosen.get(dependency.name), ...(this.#virtual.get(dependency.name) ?? [])];
    return providers.some((each) => each !== undefined && isMeant(dependency, each)) !== dependency.conflict;
  }

  /** What could stand for a name under all that is demanded of it, best first. */
  #choices(name: string): readonly Candidate[] {
    const demands = this.#demands.get(name) ?? [];
    const providers = this.universe.providersOf(name).filter((each) => this.#isAllowed(each, demands));
    const real = providers.filter(({ version }) => version !== undefined);
    const virtual = providers.filter(({ version }) => version === undefined);
    const packages = new Set(virtual.map(({ candidate }) => candidate.info.name));
    // Nobody but the user can choose among virtual ones of equal rank: apk asks for a decision too.
    const selectable =
      packages.size <= 1
        ? virtual
        : virtual.filter(({ candidate }) => candidate.info.providerPriority > 0 || this.#isWanted(candidate));
    const asked = new Set(demands.map(({ dependency }) => dependency.tag));
    return [...real, ...selectable].sort((a, b) => compare(a, b, asked)).map(({ candidate }) => candidate);
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
    return dependency.conflict || this.#isProvidable(dependency.name);
  }

  #offerFor(names: readonly string[]): void {
    for (const name of names) {
      for (const candidate of this.universe.installedWith(name)) {
        if (candidate.tag !== undefined || this.#offered.has(candidate)) continue;
        this.#offered.add(candidate);
        this.#undo.push(() => void this.#offered.delete(candidate));
      }
    }
  }
}

/** apk-tools 2.14 `compare_providers`: the preferences that do not depend on how its search goes. */
function compare(a: Provider, b: Provider, askedTags: ReadonlySet<string | undefined>): number {
  const [left, right] = [a.candidate, b.candidate];
  // What a tag was asked for, then what has none.
  const rank = ({ tag }: Candidate) => (tag === undefined ? 1 : askedTags.has(tag) ? 0 : 2);
  return (
    rank(left) - rank(right) ||
    Number(right.installed) - Number(left.installed) ||
    (a.version !== undefined && b.version !== undefined ? compareVersions(b.version, a.version) : 0) ||
    (left.info.name === right.info.name ? compareVersions(right.info.version, left.info.version) : 0) ||
    right.info.providerPriority - left.info.providerPriority ||
    // What is still equal stays in the order of the index.
    left.repository - right.repository
  );
}

/** Depth first through the world by name: what a package depends on comes before it, what it brings along after it. */
function inOrderOfInstallation(search: Search, world: readonly Dependency[]): readonly Candidate[] {
  const order = new Set<Candidate>();
  const visiting = new Set<Candidate>();
  const visit = (name: string): void => {
    const candidate = search.providing(name)?.candidate;
    if (candidate === undefined || visiting.has(candidate)) return;
    visiting.add(candidate);
    for (const { name: needed, conflict } of candidate.info.depends) if (!conflict) visit(needed);
    order.add(candidate);
    for (const provided of [candidate.info.name, ...candidate.info.provides.map((each) => each.name)]) {
      for (const along of search.universe.installedWith(provided)) {
        const isComplete = along.info.installIf.every((each) => {
          const there = search.providing(each.name)?.candidate;
          return there === undefined ? each.conflict : visiting.has(there);
        });
        if (search.isChosen(along) && isComplete) visit(along.info.name);
      }
    }
  };
  for (const { name, conflict } of world) if (!conflict) visit(name);
  return [...order];
}
