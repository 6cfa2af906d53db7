import type { Paragraph } from "../unpack/paragraph.ts";
import { conffilePaths } from "../unpack/read-package.ts";
import type { UnpackedPackage } from "../unpack/unpacked.ts";

/** What the archive's index says over what the package says: debootstrap lets dpkg know it too, `dpkg --update-avail`. */
export interface Overrides {
  readonly priority: string | undefined;
  readonly section: string | undefined;
}

/** The order in which dpkg writes the fields it knows; others follow as they came. Source: dpkg 1.21, lib/dpkg/parse.c `fieldinfos`. */
const ORDER = [
  "Package",
  "Essential",
  "Protected",
  "Status",
  "Priority",
  "Section",
  "Installed-Size",
  "Origin",
  "Maintainer",
  "Bugs",
  "Architecture",
  "Multi-Arch",
  "Source",
  "Version",
  "Replaces",
  "Provides",
  "Depends",
  "Pre-Depends",
  "Recommends",
  "Suggests",
  "Breaks",
  "Conflicts",
  "Enhances",
  "Conffiles",
  "Description",
] as const;

const RELATIONS: readonly string[] = [
  "Replaces",
  "Provides",
  "Depends",
  "Pre-Depends",
  "Recommends",
  "Suggests",
  "Breaks",
  "Conflicts",
  "Enhances",
];

export const UNPACKED = "install ok unpacked";

/** The paragraph of a package in `/var/lib/dpkg/status`, as dpkg writes it. */
export function statusParagraph(
  paragraph: Paragraph,
  contents: UnpackedPackage,
  { priority, section }: Overrides,
): string {
  const canonical = new Map<string, string>();
  for (const [name, value] of paragraph)
    canonical.set(ORDER.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name, value);
  canonical.set("Status", UNPACKED);
  if (priority !== undefined) canonical.set("Priority", priority);
  if (section !== undefined) canonical.set("Section", section);
  const conffiles = conffileLines(contents);
  if (conffiles !== "") canonical.set("Conffiles", conffiles);
  // Said only where it means something.
  if (canonical.get("Multi-Arch") === "no") canonical.delete("Multi-Arch");
  if (canonical.get("Essential") === "no") canonical.delete("Essential");
  const known = ORDER.filter((name) => canonical.has(name));
  const others = [...canonical.keys()].filter((name) => !(ORDER as readonly string[]).includes(name));
  return [...known, ...others]
    .map((name) => {
      const value = canonical.get(name) ?? "";
      const written = RELATIONS.includes(name) ? relations(value) : value;
      return `${name}:${written.startsWith("\n") ? "" : " "}${written}\n`;
    })
    .join("");
}

/** With the digest of what was installed; a path whose file is missing from the package is remembered too. */
function conffileLines(contents: UnpackedPackage): string {
  return conffilePaths(contents.controlFiles)
    .map((path) => `\n ${path} ${contents.conffileDigests[path] ?? "newconffile"}`)
    .join("");
}

/** One space where any white space was: `libc6 (>= 2.36), gpgv | gpgv2`. */
function relations(field: string): string {
  return field
    .split(",")
    .map((group) =>
      group
        .split("|")
        .map((alternative) =>
          alternative
            .trim()
            .replace(
              /\s*\(\s*([<>=]+)\s*([^\s)]+)\s*\)/,
              (_, sign: string, version: string) => ` (${OBSOLETE[sign] ?? sign} ${version})`,
            ),
        )
        .join(" | "),
    )
    .filter((group) => group !== "")
    .join(", ");
}

const OBSOLETE: Readonly<Record<string, string>> = { "<": "<=", ">": ">=" };
