import { type Dependency, parseDependencies } from "./dependency.ts";
import type { PackageInfo } from "./package-info.ts";
import { isVersion } from "./version.ts";

/** Why a stanza cannot be used, in a few words that quote it. */
export interface Unusable {
  readonly why: string;
}

// Names become file names, URLs and lines of databases.
const NAME = /^[A-Za-z0-9_][\w.+-]*$/;
const CHECKSUM = /^Q1[A-Za-z0-9+/]{27}=$/;
const ARCHITECTURE = /^[A-Za-z0-9_]{1,32}$/;
const WHOLE_NUMBER = /^\d{1,15}$/;

/**
 * One stanza of APKINDEX or of the installed database: lines of a letter, a colon and a value. Capital letters that are not known
 * change how a package has to be handled, so that it cannot be used; small ones are notes. apk-index(5).
 */
export function parseStanza(text: string): PackageInfo | Unusable {
  const fields = new Map<string, string>();
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    if (text[start + 1] === ":") {
      const letter = text[start] as string;
      // What comes after the first folder is about files.
      if (letter === "F") break;
      fields.set(letter, text.slice(start + 2, end));
    }
    start = end + 1;
  }
  return fromFields(fields);
}

const KNOWN = "PVATULDCSIpiomtckrqsfaMRZF";

export function fromFields(fields: ReadonlyMap<string, string>): PackageInfo | Unusable {
  const name = fields.get("P") ?? "";
  if (!NAME.test(name)) return { why: `its name is ${JSON.stringify(name)}` };
  const version = fields.get("V") ?? "";
  if (!isVersion(version)) return { why: `${name} has the version ${JSON.stringify(version)}` };
  for (const letter of fields.keys()) {
    if (/[A-Z]/.test(letter) && !KNOWN.includes(letter))
      return { why: `${name} has a field ${letter} that is not known` };
  }
  const checksum = fields.get("C") ?? "";
  if (!CHECKSUM.test(checksum)) return { why: `${name} has the checksum ${JSON.stringify(checksum)}` };
  const architecture = fields.get("A") ?? "noarch";
  if (!ARCHITECTURE.test(architecture)) return { why: `${name} has the architecture ${JSON.stringify(architecture)}` };
  const numbers = { S: 0, I: 0, t: 0, k: 0 };
  for (const letter of ["S", "I", "t", "k"] as const) {
    const value = fields.get(letter);
    if (value === undefined) continue;
    if (!WHOLE_NUMBER.test(value)) return { why: `${name} has ${JSON.stringify(value)} in the field ${letter}` };
    numbers[letter] = Number(value);
  }
  const lists: Record<"D" | "p" | "i", readonly Dependency[]> = { D: [], p: [], i: [] };
  for (const letter of ["D", "p", "i"] as const) {
    const { valid, invalid } = parseDependencies(fields.get(letter) ?? "");
    // Real indexes have provides such as `pc:librtmp=v2.4`; one that cannot be understood is one less, for nobody can ask for it.
    if (invalid.length > 0 && letter !== "p")
      return { why: `${name} has ${JSON.stringify(invalid[0])} in the field ${letter}` };
    lists[letter] = valid;
  }
  return {
    name,
    version,
    architecture,
    checksum,
    size: numbers.S,
    installedSize: numbers.I,
    depends: lists.D,
    provides: lists.p,
    installIf: lists.i,
    providerPriority: numbers.k,
    origin: fields.get("o"),
    licence: fields.get("L"),
    buildTime: numbers.t,
  };
}
