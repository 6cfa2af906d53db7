import { compareVersions, isVersion, startsWithVersion } from "./version.ts";

/**
 * One word of `depends`, `provides`, `install_if`, `replaces` or of the world: `openssl>=3`, `!dropbear`, `so:libc.musl-x86_64.so.1`,
 * `nginx@edge`, `python3~3.12`. apk-package(5), apk-world(5).
 */
export interface Dependency {
  readonly name: string;
  /** `!name`: what provides it must not be there. */
  readonly conflict: boolean;
  /** Undefined when any version will do. `><` asks for one file by its checksum. */
  readonly operator?: "=" | "<" | "<=" | ">" | ">=" | "~" | "><";
  readonly version?: string;
  /** Repository tag, without the `@`. */
  readonly tag?: string;
}

const WORD = /^(!?)([^\s!@<>=~]+)(?:@([\w.-]+))?(?:([<>=~]{1,2})([^\s<>=~]+))?$/;
const NAME_ALONE = /^[^\s!@<>=~]+$/;
/** A tag may also stand behind the version. */
const TAGGED_LAST = /^(!?)([^\s!@<>=~]+)([<>=~]{1,2})([^\s<>=~@]+)@([\w.-]+)$/;

const OPERATORS: Readonly<Record<string, NonNullable<Dependency["operator"]>>> = {
  "=": "=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "~": "~",
  "~=": "~",
  "=~": "~",
  "><": "><",
};

/** Undefined for what is no dependency. */
export function parseDependency(word: string): Dependency | undefined {
  // Most are no more than a name; an index has a hundred thousand of them.
  if (NAME_ALONE.test(word)) return { name: word, conflict: false };
  const last = word.includes("@") ? TAGGED_LAST.exec(word) : null;
  const [, bang, name, tag, sign, version] = last
    ? [last[0], last[1], last[2], last[5], last[3], last[4]]
    : (WORD.exec(word) ?? []);
  if (name === undefined) return undefined;
  const base = { name, conflict: bang === "!", ...(tag === undefined ? {} : { tag }) };
  if (sign === undefined || version === undefined) return base;
  const operator = OPERATORS[sign];
  if (operator === undefined || (operator !== "><" && !isVersion(version))) return undefined;
  return { ...base, operator, version };
}

/** The words of a field, and those that are no dependency. */
export function parseDependencies(field: string): {
  readonly valid: readonly Dependency[];
  readonly invalid: readonly string[];
} {
  const valid: Dependency[] = [];
  const invalid: string[] = [];
  for (const word of field.split(/\s+/)) {
    if (word === "") continue;
    const dependency = parseDependency(word);
    if (dependency === undefined) invalid.push(word);
    else valid.push(dependency);
  }
  return { valid, invalid };
}

/** As apk writes it in the world and in the installed database. */
export function formatDependency({ name, conflict, operator, version, tag }: Dependency): string {
  return `${conflict ? "!" : ""}${name}${tag === undefined ? "" : `@${tag}`}${operator ?? ""}${version ?? ""}`;
}

/**
 * Whether something of this version (and checksum) is what the dependency names, its `!` left aside. What is provided without a
 * version satisfies only who asks for none.
 */
export function matches(
  { operator, version }: Dependency,
  offered: { readonly version: string | undefined; readonly checksum: string },
): boolean {
  if (operator === undefined || version === undefined) return true;
  if (operator === "><") return offered.checksum === version;
  if (offered.version === undefined) return false;
  if (operator === "~") return startsWithVersion(offered.version, version);
  const order = compareVersions(offered.version, version);
  return (
    (order === 0 && operator.includes("=")) ||
    (order < 0 && operator.startsWith("<")) ||
    (order > 0 && operator.startsWith(">"))
  );
}
