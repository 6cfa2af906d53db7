import type { Package } from "../index/package.ts";
import type { Clause, Literal } from "./clause.ts";
import { explain } from "./explain.ts";
import { affected, type SatisfierOptions, satisfiers } from "./satisfiers.ts";

export interface Request {
  readonly name: string;
  /** For explanations: `it was asked for`. */
  readonly why: string;
}

export interface SolveOptions extends SatisfierOptions {
  readonly requests: readonly Request[];
  readonly excluded: readonly string[];
}

/** What is decided about a package. */
interface Assignment {
  readonly isInstalled: boolean;
  /** How many choices had been made before. */
  readonly level: number;
  /** What forced it; undefined for a choice. */
  readonly reason: Clause | undefined;
}

/** What is still to be looked at; a list that is never changed, so that going back is cheap. */
interface Agenda {
  readonly clause: Clause;
  readonly next: Agenda | undefined;
}

interface Choice {
  /** How many assignments there were before it. */
  readonly trail: number;
  /** What was to be looked at when it was made. */
  readonly agenda: Agenda;
}

/**
 * The packages that are installed when these are asked for: each dependency takes its first alternative that works, in the
 * order in which apt goes through them (a package's dependencies before those of the next one). Where that ends in a
 * contradiction, the choices that led to it are learned and never made again, so it ends, and finds an answer if there is one.
 *
 * @throws BaseKitError `PACKAGES_UNSATISFIABLE` (usage) with the chain that leads to the contradiction
 */
export function solve(options: SolveOptions): readonly Package[] {
  const { candidates, requests, excluded } = options;
  const assigned = new Map<string, Assignment>();
  const trail: string[] = [];
  const choices: Choice[] = [];
  const learned: Clause[] = [];
  let agenda: Agenda | undefined;

  for (const name of excluded) {
    assign(
      { name, isInstalled: false },
      { literals: [{ name, isInstalled: false }], because: { kind: "unwanted", name } },
    );
  }
  const wanted = requests.map(({ name, why }): Clause => {
    return { literals: [{ name, isInstalled: true }], because: { kind: "wanted", name, why } };
  });
  let conflict = firstConflict(wanted.map((clause) => () => force(clause)));
  // Above, each package put its dependencies on top: the first one's have to be looked at first.
  agenda = undefined;
  for (const { name } of [...requests].reverse()) pushDependencies(name);

  for (;;) {
    if (conflict === undefined) {
      if (agenda === undefined) break;
      const { clause, next }: Agenda = agenda;
      const open = clause.literals.filter(({ name }) => !assigned.has(name));
      if (clause.literals.some(isTrue)) agenda = next;
      else if (open.length === 0) conflict = clause;
      else if (open.length === 1) {
        agenda = next;
        conflict = assign(open[0] as Literal, clause);
      } else {
        choices.push({ trail: trail.length, agenda });
        agenda = next;
        conflict = assign(open[0] as Literal, undefined);
      }
      continue;
    }
    if (choices.length === 0) throw explain(conflict, { ...options, reasonOf: (name) => assigned.get(name)?.reason });
    conflict = goBack(learn(conflict));
  }
  return [...assigned].flatMap(([name, { isInstalled }]) => {
    const found = isInstalled ? candidates.find(name) : undefined;
    return found === undefined ? [] : [found];
  });

  function isTrue({ name, isInstalled }: Literal): boolean {
    return assigned.get(name)?.isInstalled === isInstalled;
  }

  function force(clause: Clause): Clause | undefined {
    const [literal] = clause.literals as readonly [Literal];
    if (isTrue(literal)) return undefined;
    return assigned.has(literal.name) ? clause : assign(literal, clause);
  }

  /** Gives the clause that it contradicts, if there is one. */
  function assign(literal: Literal, reason: Clause | undefined): Clause | undefined {
    assigned.set(literal.name, { isInstalled: literal.isInstalled, level: choices.length, reason });
    trail.push(literal.name);
    const contradicted = literal.isInstalled ? install(literal.name) : undefined;
    return contradicted ?? followLearned();
  }

  function install(name: string): Clause | undefined {
    pushDependencies(name);
    const found = candidates.find(name);
    if (found === undefined) return undefined;
    return firstConflict(conflictsOf(found, options).map((clause) => () => forbid(clause, found.name)));
  }

  function pushDependencies(name: string): void {
    const found = candidates.find(name);
    if (found === undefined) return;
    for (const clause of dependenciesOf(found, options).reverse()) agenda = { clause, next: agenda };
  }

  function forbid(clause: Clause, by: string): Clause | undefined {
    const other = clause.literals.find(({ name }) => name !== by) as Literal;
    const known = assigned.get(other.name);
    if (known === undefined) return assign(other, clause);
    return known.isInstalled ? clause : undefined;
  }

  /** What was learned is not on the agenda, and may become relevant with every assignment. */
  function followLearned(): Clause | undefined {
    for (const clause of learned) {
      if (clause.literals.some(isTrue)) continue;
      const open = clause.literals.filter(({ name }) => !assigned.has(name));
      if (open.length === 0) return clause;
      if (open.length === 1) return assign(open[0] as Literal, clause);
    }
    return undefined;
  }

  /** Which of the choices cannot be made together: resolution up to the first point that all ways lead through. */
  function learn(contradicted: Clause): Clause {
    const level = choices.length;
    const literals = new Map<string, Literal>();
    const from = new Set<Clause>();
    const take = (clause: Clause) => {
      if (clause.because.kind === "learned") for (const each of clause.because.from) from.add(each);
      else from.add(clause);
      for (const literal of clause.literals) if (!isTrue(literal)) literals.set(literal.name, literal);
    };
    const ofThisLevel = () => [...literals.keys()].filter((name) => assigned.get(name)?.level === level);
    take(contradicted);
    for (let at = trail.length - 1; ofThisLevel().length > 1 && at >= 0; at--) {
      const name = trail[at] as string;
      const reason = assigned.get(name)?.reason;
      if (!literals.has(name) || reason === undefined) continue;
      literals.delete(name);
      take(reason);
    }
    return { literals: [...literals.values()], because: { kind: "learned", from } };
  }

  /** Back to the last choice but one that the clause is about; there it leaves one possibility. */
  function goBack(clause: Clause): Clause | undefined {
    const levels = clause.literals.map(({ name }) => assigned.get(name)?.level ?? 0).sort((a, b) => b - a);
    const level = levels.find((each) => each < choices.length) ?? 0;
    const { trail: length, agenda: earlier } = choices[level] as Choice;
    for (const name of trail.splice(length)) assigned.delete(name);
    choices.length = level;
    agenda = earlier;
    learned.push(clause);
    return followLearned();
  }
}

function firstConflict(steps: readonly (() => Clause | undefined)[]): Clause | undefined {
  for (const step of steps) {
    const conflict = step();
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

function dependenciesOf(found: Package, options: SatisfierOptions): Clause[] {
  return [...found.depends, ...found.preDepends].map((group) => {
    const names = group.flatMap((relation) => satisfiers(relation, options)).map(({ name }) => name);
    const literals = [...new Set(names)].map((name) => ({ name, isInstalled: true }));
    const self = { name: found.name, isInstalled: false };
    return { literals: [...literals, self], because: { kind: "needs", by: found, group } };
  });
}

function conflictsOf(found: Package, options: SatisfierOptions): readonly Clause[] {
  const clauses = (kind: "conflicts" | "breaks") =>
    found[kind].flat().flatMap((relation) =>
      affected(relation, options)
        // Whoever conflicts with what it provides itself wants to be the only one.
        .filter(({ name }) => name !== found.name)
        .map((other): Clause => {
          const literals = [found.name, other.name].map((name) => ({ name, isInstalled: false }));
          return { literals, because: { kind, by: found, relation, other } };
        }),
    );
  return [...clauses("conflicts"), ...clauses("breaks")];
}
