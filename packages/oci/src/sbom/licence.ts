import { createRequire } from "node:module";

/** A licence as SPDX 2.3 wants it (annex D): an expression, and the names in it that SPDX does not list. */
export interface LicenceExpression {
  readonly expression: string;
  /** What each `LicenseRef-…` in the expression was called. */
  readonly references: ReadonlyMap<string, string>;
}

const require = createRequire(import.meta.url);
let listed: ReadonlyMap<string, string> | undefined;

/** By lower-case name. Loaded when the first SBOM is made. */
function listedLicences(): ReadonlyMap<string, string> {
  listed ??= new Map((require("spdx-license-ids") as readonly string[]).map((id) => [id.toLowerCase(), id]));
  return listed;
}

/** Debian's names for licences that SPDX calls otherwise; its copyright-format, "License specification". */
const DEBIAN_NAMES: Readonly<Record<string, string>> = {
  expat: "MIT",
  artistic: "Artistic-1.0-Perl",
  "bsd-2-clauses": "BSD-2-Clause",
  "bsd-3-clauses": "BSD-3-Clause",
  "bsd-4-clauses": "BSD-4-Clause",
  perl: "Artistic-1.0-Perl OR GPL-1.0-or-later",
  zlib: "Zlib",
};

/**
 * A licence in the words of Alpine (which are SPDX's) or Debian (`GPL-2+ and LGPL-2.1+`), as an SPDX expression. What cannot be
 * understood becomes a reference, never a guess.
 */
export function licenceExpression(text: string): LicenceExpression {
  const references = new Map<string, string>();
  const refer = (name: string) => {
    const id = `LicenseRef-${name.replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^-+|-+$/g, "") || "unknown"}`;
    references.set(id, name);
    return id;
  };
  const words = text
    .replaceAll(/[()]/g, " $& ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const parts: string[] = [];
  let name: string[] = [];
  const endName = () => {
    if (name.length > 0) parts.push(licenceName(name.join(" ")) ?? refer(name.join(" ")));
    name = [];
  };
  for (const word of words) {
    const bare = word.replace(/,$/, "");
    if (/^(?:and|or)$/i.test(bare)) {
      endName();
      parts.push(bare.toUpperCase());
    } else if (bare === "(" || bare === ")") {
      endName();
      parts.push(bare);
    } else if (bare !== "") {
      name.push(bare);
    }
  }
  endName();
  if (isExpression(parts)) return { expression: joined(parts), references };
  references.clear();
  return { expression: refer(text), references };
}

/** Names that Debian tells apart may be one licence to SPDX. */
function joined(parts: readonly string[]): string {
  const flat = parts.every((part) => !["OR", "(", ")"].includes(part) && !part.includes(" OR "));
  const once = flat ? [...new Set(parts.filter((part) => part !== "AND"))].join(" AND ") : parts.join(" ");
  return once.replaceAll("( ", "(").replaceAll(" )", ")");
}

function licenceName(name: string): string | undefined {
  const [base = "", exception] = name.split(/ with /i);
  const id = listedName(base);
  if (id === undefined) return undefined;
  if (exception === undefined) return id;
  // SPDX lists exceptions apart. Whoever writes SPDX's name of a licence, as Alpine does, also does so of its exception.
  const isSpdx = listedLicences().has(base.toLowerCase()) && /^[A-Za-z0-9.-]+$/.test(exception);
  return isSpdx ? `${id} WITH ${exception}` : undefined;
}

function listedName(name: string): string | undefined {
  const lower = name.toLowerCase();
  const alias = DEBIAN_NAMES[lower];
  if (alias !== undefined) return alias.includes(" ") ? `(${alias})` : alias;
  const [, family, version, later] = /^(gpl|lgpl|agpl|gfdl)-(\d(?:\.\d)?)(?:\.0)?(\+?)$/.exec(lower) ?? [];
  if (family !== undefined && version !== undefined) {
    const full = version.includes(".") ? version : `${version}.0`;
    return listedLicences().get(`${family}-${full}-${later === "+" ? "or-later" : "only"}`);
  }
  return listedLicences().get(lower);
}

/** Whether names and operators alternate and brackets match. */
function isExpression(parts: readonly string[]): boolean {
  let depth = 0;
  let expectsName = true;
  for (const part of parts) {
    if (part === "(") {
      if (!expectsName) return false;
      depth += 1;
    } else if (part === ")") {
      if (expectsName || depth === 0) return false;
      depth -= 1;
    } else if (part === "AND" || part === "OR") {
      if (expectsName) return false;
      expectsName = true;
    } else {
      if (!expectsName) return false;
      expectsName = false;
    }
  }
  return depth === 0 && !expectsName;
}
