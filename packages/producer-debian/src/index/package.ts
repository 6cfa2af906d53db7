import { BaseKitError, printable } from "@base-kit/core";
import { PACKAGE } from "@base-kit/debian-archive";
import { parseRelations, type Relation } from "./relation.ts";

/** A package as the index of one suite and component describes it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: string;
  readonly essential: boolean;
  readonly priority: string | undefined;
  readonly section: string | undefined;
  readonly source: string | undefined;
  /** Below the mirror. */
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly preDepends: readonly (readonly Relation[])[];
  readonly depends: readonly (readonly Relation[])[];
  readonly conflicts: readonly (readonly Relation[])[];
  readonly breaks: readonly (readonly Relation[])[];
  readonly provides: readonly Relation[];
}

const LINE_AT_MOST = 1024 * 1024;

/**
 * One stanza of a Packages file.
 * Source: wiki.debian.org/DebianRepository/Format, "Packages Indices".
 *
 * @throws BaseKitError `INDEX_MALFORMED` (verification)
 */
export function parsePackage(stanza: string, index: string): Package {
  const fields = readFields(stanza, index);
  const name = fields.get("package") ?? "";
  const subject = `the package ${printable(name)} in ${index}`;
  if (!PACKAGE.expression.test(name)) throw malformed(subject, "its name is none");
  const needed = (field: string, grammar: RegExp): string => {
    const value = fields.get(field);
    if (value === undefined) throw malformed(subject, `it has no ${field}`);
    if (!grammar.test(value)) throw malformed(subject, `its ${field} is ${printable(value)}`);
    return value;
  };
  const relations = (field: string) => parseRelations(fields.get(field) ?? "", subject);
  return {
    name,
    version: needed("version", /^[A-Za-z0-9.+~:-]{1,255}$/),
    architecture: needed("architecture", /^[a-z0-9-]{1,32}$/),
    multiArch: fields.get("multi-arch") ?? "no",
    essential: fields.get("essential") === "yes",
    priority: fields.get("priority"),
    section: fields.get("section"),
    source: fields.get("source"),
    filename: relativePath(needed("filename", /^[\x21-\x7e]{1,1000}$/), subject),
    size: Number(needed("size", /^\d{1,13}$/)),
    sha256: needed("sha256", /^[0-9a-f]{64}$/i).toLowerCase(),
    preDepends: relations("pre-depends"),
    depends: relations("depends"),
    conflicts: relations("conflicts"),
    breaks: relations("breaks"),
    provides: relations("provides").flat(),
  };
}

/** Fields by their lower-case names; the lines of a long value are joined by line feeds. */
function readFields(stanza: string, index: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let current = "";
  for (const line of stanza.split("\n")) {
    if (line === "") continue;
    if (line.length > LINE_AT_MOST) throw malformed(index, "a line of it is longer than 1 MiB");
    if (/[\r\0]/.test(line)) throw malformed(index, `its line ${printable(line)} holds a control character`);
    const first = line.charCodeAt(0);
    if ((first === 0x20 || first === 0x09) && current !== "") {
      fields.set(current, `${fields.get(current)}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) throw malformed(index, `its line ${printable(line)} is no field`);
    current = line.slice(0, colon).toLowerCase();
    if (fields.has(current)) throw malformed(index, `its line ${printable(line)} gives a field a second time`);
    fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}

/** A file of the mirror, whatever somebody wrote into the index. */
function relativePath(filename: string, subject: string): string {
  const path = filename.replace(/^\.\//, "");
  const isInside = path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
  if (isInside && !/^[a-z][a-z0-9+.-]*:/i.test(path) && !path.includes("\\")) return path;
  throw malformed(subject, `its file ${printable(filename)} lies outside the mirror`);
}

function malformed(subject: string, why: string): BaseKitError {
  return new BaseKitError("INDEX_MALFORMED", `${subject} is malformed: ${why}`, { kind: "verification" });
}
