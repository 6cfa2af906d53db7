import { BaseKitError, printable } from "@base-kit/core";
import { satisfies, type VersionRelation } from "./version.ts";

/** One alternative of a relation between packages: `libc6:any (>= 2.36)`. */
export interface Relation {
  readonly name: string;
  /** What stands after the colon: `any`, `native` or an architecture. */
  readonly qualifier?: string;
  readonly version?: { readonly relation: VersionRelation; readonly than: string };
}

const ALTERNATIVE = /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?(?:\s*\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()]+)\s*\))?$/i;
/** deb-control(5): the obsolete `<` and `>` mean "or equal". */
const OBSOLETE: Readonly<Record<string, VersionRelation>> = { "<": "<=", ">": ">=" };

/**
 * A field such as `Depends`: all of the outer list are needed, one of each inner list is enough.
 * Source: Debian Policy §7.1.
 *
 * @throws BaseKitError `INDEX_MALFORMED` (verification)
 */
export function parseRelations(field: string, subject: string): readonly (readonly Relation[])[] {
  const groups: Relation[][] = [];
  for (const group of field.split(",")) {
    if (group.trim() === "") continue;
    groups.push(group.split("|").map((alternative) => parseAlternative(alternative.trim(), subject)));
  }
  return groups;
}

function parseAlternative(text: string, subject: string): Relation {
  const [, name, qualifier, relation, than] = ALTERNATIVE.exec(text) ?? [];
  if (name === undefined) {
    throw new BaseKitError("INDEX_MALFORMED", `${subject} has a relation that is none: ${printable(text)}`, {
      kind: "verification",
    });
  }
  return {
    name,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(relation === undefined || than === undefined
      ? {}
      : { version: { relation: OBSOLETE[relation] ?? (relation as VersionRelation), than } }),
  };
}

/** Whether a version is what the relation asks for. */
export function admits({ version }: Relation, found: string): boolean {
  return version === undefined || satisfies(found, version.relation, version.than);
}

export function formatRelation({ name, qualifier, version }: Relation): string {
  const colon = qualifier === undefined ? "" : `:${qualifier}`;
  return `${name}${colon}${version === undefined ? "" : ` (${version.relation} ${version.than})`}`;
}
