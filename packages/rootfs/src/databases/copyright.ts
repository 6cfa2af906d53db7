import { createHash } from "node:crypto";
import type { InstalledPackage, Rootfs } from "@base-kit/core";
import { findFile, readTextFile } from "../read-file.ts";

/** The largest of Debian's is 1.5 MB. */
const COPYRIGHT_AT_MOST = 8 * 1024 ** 2;

/**
 * The packages, with the licence that their machine-readable `debian/copyright` names where the database names none. Debian
 * keeps these files also in images without documentation.
 */
export async function withLicences(
  rootfs: Pick<Rootfs, "segments" | "packages">,
): Promise<readonly InstalledPackage[]> {
  // Many packages of one source share one file.
  const known = new Map<string, string | undefined>();
  const result: InstalledPackage[] = [];
  for (const each of rootfs.packages) {
    const path = `usr/share/doc/${each.name}/copyright`;
    const size = each.licence === undefined ? findFile(rootfs, path)?.size : undefined;
    if (size === undefined || size > COPYRIGHT_AT_MOST) {
      result.push(each);
      continue;
    }
    const text = (await readTextFile(rootfs, path)) ?? "";
    const key = createHash("sha256").update(text).digest("hex");
    if (!known.has(key)) known.set(key, parseCopyright(text));
    const licence = known.get(key);
    result.push(licence === undefined ? each : { ...each, licence });
  }
  return result;
}

/**
 * The licences of all files of a package, in Debian's names, joined by AND: the machine-readable format 1.0
 * (debian.org/doc/packaging-manuals/copyright-format). Undefined for a text of any other form.
 */
export function parseCopyright(text: string): string | undefined {
  const lines = text.split(/\r?\n/);
  const isMachineReadable = lines
    .slice(0, 10)
    .some((line) => /^Format(?:-Specification)?:.*copyright-format/i.test(line));
  if (!isMachineReadable) return undefined;
  const names = new Set<string>();
  let inFiles = false;
  for (const line of lines) {
    if (line.trim() === "") inFiles = false;
    else if (/^Files:/i.test(line)) inFiles = true;
    const name = inFiles ? /^License:[ \t]*(\S.*?)[ \t]*$/i.exec(line)?.[1] : undefined;
    if (name !== undefined) names.add(name.replace(/\s+/g, " "));
  }
  if (names.size === 0) return undefined;
  const sorted = [...names].sort();
  return sorted.length === 1
    ? sorted[0]
    : sorted.map((name) => (/ or /i.test(name) ? `(${name})` : name)).join(" AND ");
}
