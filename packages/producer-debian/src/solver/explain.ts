import { BaseKitError } from "@base-kit/core";
import type { Package } from "../index/package.ts";
import { formatRelation, type Relation } from "../index/relation.ts";
import type { Candidates } from "../select/candidates.ts";
import type { Clause, Reason } from "./clause.ts";

export interface ExplainOptions {
  readonly candidates: Candidates;
  /** What forced a package to be installed or not. */
  readonly reasonOf: (name: string) => Clause | undefined;
}

const LINES_AT_MOST = 30;

/** All that takes part in a contradiction that no choice can avoid, from what was asked for to where it ends. */
export function explain(contradicted: Clause, options: ExplainOptions): BaseKitError {
  const reasons = inOrder(originsOf(contradicted, options));
  const lines = reasons.map((reason) => describe(reason, options.candidates));
  const shown = lines.slice(0, LINES_AT_MOST).map((line) => `\n  ${line}`);
  const more = lines.length > LINES_AT_MOST ? `\n  and ${lines.length - LINES_AT_MOST} more` : "";
  return new BaseKitError(
    "PACKAGES_UNSATISFIABLE",
    `the packages that were asked for cannot be installed together:${shown.join("")}${more}`,
    { kind: "usage", hint: "Leave one of them out, or add an archive that has what is missing. Nothing was fetched." },
  );
}

/** The clauses of the archive that a contradiction follows from. */
function originsOf(contradicted: Clause, { reasonOf }: ExplainOptions): ReadonlySet<Clause> {
  const origins = new Set<Clause>();
  const seen = new Set<Clause>();
  const todo = [contradicted];
  for (let clause = todo.pop(); clause !== undefined; clause = todo.pop()) {
    if (seen.has(clause)) continue;
    seen.add(clause);
    if (clause.because.kind === "learned") todo.push(...clause.because.from);
    else origins.add(clause);
    for (const { name } of clause.literals) {
      const reason = reasonOf(name);
      if (reason !== undefined) todo.push(reason);
    }
  }
  return origins;
}

/** From what was asked for along the dependencies; what forbids a package comes after what needs it. */
function inOrder(origins: ReadonlySet<Clause>): readonly Reason[] {
  const reasons = [...origins].map(({ because }) => because);
  const needs = (name: string) => reasons.filter((each) => each.kind === "needs" && each.by.name === name);
  const ordered = new Set<Reason>();
  const visit = (name: string): void => {
    for (const need of needs(name)) {
      if (ordered.has(need) || need.kind !== "needs") continue;
      ordered.add(need);
      const clause = [...origins].find(({ because }) => because === need);
      for (const { name: next } of clause?.literals ?? []) if (next !== name) visit(next);
    }
  };
  const wanted = reasons.filter((each) => each.kind === "wanted").sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const each of wanted) {
    ordered.add(each);
    visit(each.name);
  }
  for (const each of reasons) ordered.add(each);
  return [...ordered];
}

function describe(reason: Reason, candidates: Candidates): string {
  switch (reason.kind) {
    case "wanted":
      return `${reason.name}: ${reason.why}`;
    case "unwanted":
      return `${reason.name}: it was excluded`;
    case "needs":
      return `${named(reason.by)} needs ${reason.group.map((each) => alternative(each, candidates)).join(" or ")}`;
    case "conflicts":
      return `${named(reason.by)} conflicts with ${formatRelation(reason.relation)}, which is ${named(reason.other)}`;
    case "breaks":
      return `${named(reason.by)} breaks ${formatRelation(reason.relation)}, which is ${named(reason.other)}`;
    case "learned":
      return "";
  }
}

function alternative(relation: Relation, candidates: Candidates): string {
  const text = formatRelation(relation);
  const found = candidates.find(relation.name);
  if (found === undefined && candidates.providersOf(relation.name).length === 0) return `${text} (there is none)`;
  if (found === undefined || relation.version === undefined) return text;
  return `${text} (there is ${found.version})`;
}

function named({ name, version }: Package): string {
  return `${name} ${version}`;
}
