import { BaseKitError, printable } from "@base-kit/core";
import { type Dependency, formatDependency, parseDependencies } from "./dependency.ts";

/** `.PKGINFO` of a package, apk-package(5), as far as the installed database needs it. Plain JSON. */
export interface PkgInfo {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** SHA-256 of the data member, in hexadecimal. */
  readonly datahash: string | undefined;
  /** Lines of the stanza in the installed database by their letter, but for `C`, `P`, `V`, `A` and `S`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly replaces: readonly Dependency[];
  readonly replacesPriority: number;
  /** Patterns of directories whose change runs the trigger script. */
  readonly triggers: readonly string[];
}

/** Keys and the letters they have in the databases. Source: apk-tools 2.14, package.c `read_info_line`. */
const LETTERS: Readonly<Record<string, string>> = {
  pkgdesc: "T",
  url: "U",
  size: "I",
  license: "L",
  origin: "o",
  maintainer: "m",
  builddate: "t",
  commit: "c",
  provider_priority: "k",
};
/** These may come several times. */
const LISTS: Readonly<Record<string, string>> = { depend: "D", provides: "p", install_if: "i" };

/** @throws BaseKitError `APK_INVALID` (verification) */
export function parsePkgInfo(text: string, file: string): PkgInfo {
  const refuse = (why: string): never => {
    throw new BaseKitError("APK_INVALID", `the package ${printable(file)} is refused: ${why}`, {
      kind: "verification",
      hint: "It is signed, so it was published like this. Nothing of it was used.",
    });
  };
  const single = new Map<string, string>();
  const lists = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf(" = ");
    if (line.startsWith("#") || equals <= 0) continue;
    const [key, value] = [line.slice(0, equals), line.slice(equals + 3)];
    if (/\p{Cc}/u.test(value)) refuse(`its ${printable(key)} has control characters`);
    single.set(key, value);
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [value]);
    else list.push(value);
  }
  const dependencies = (key: string): readonly Dependency[] => {
    const { valid, invalid } = parseDependencies((lists.get(key) ?? []).join(" "));
    if (invalid.length > 0 && key !== "provides") refuse(`its ${key} has ${printable(invalid[0] as string)}`);
    return valid;
  };
  const fields: Record<string, string> = {};
  for (const [key, letter] of Object.entries(LETTERS)) {
    const value = single.get(key);
    if (value !== undefined) fields[letter] = value;
  }
  for (const [key, letter] of Object.entries(LISTS)) {
    const value = dependencies(key).map(formatDependency).join(" ");
    if (value !== "") fields[letter] = value;
  }
  return {
    name: single.get("pkgname") ?? refuse("it has no pkgname"),
    version: single.get("pkgver") ?? refuse("it has no pkgver"),
    architecture: single.get("arch") ?? "noarch",
    datahash: single.get("datahash"),
    fields,
    replaces: dependencies("replaces"),
    replacesPriority: Number(single.get("replaces_priority") ?? 0) || 0,
    triggers: (single.get("triggers") ?? "").split(" ").filter((pattern) => pattern !== ""),
  };
}
