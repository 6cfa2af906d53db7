import { BaseKitError, type ByteString } from "@base-kit/core";
import type { PackageInfo } from "./package-info.ts";
import { parseStanza } from "./stanza.ts";

/** A package of an installed database, its stanza as it stands: bytes. */
export interface InstalledStanza {
  readonly info: PackageInfo;
  readonly text: string;
  /** Paths of its files and links, as bytes. */
  readonly files: readonly string[];
  readonly replaces: string;
  readonly replacesPriority: number;
}

/**
 * @param text bytes, because paths are
 * @throws BaseKitError `APK_DATABASE` (unsupported)
 */
export function parseInstalled(text: ByteString): readonly InstalledStanza[] {
  const stanzas: InstalledStanza[] = [];
  for (const part of text.split("\n\n")) {
    if (part.trim() === "") continue;
    const info = parseStanza(`${part}\n`);
    if ("why" in info) {
      throw new BaseKitError("APK_DATABASE", `lib/apk/db/installed cannot be read: ${info.why}`, {
        kind: "unsupported",
        hint: "Nothing was written.",
      });
    }
    let folder = "";
    const files: string[] = [];
    let replaces = "";
    let replacesPriority = 0;
    for (const line of part.split("\n")) {
      if (line.startsWith("F:")) folder = line.slice(2);
      else if (line.startsWith("R:")) files.push(folder === "" ? line.slice(2) : `${folder}/${line.slice(2)}`);
      else if (line.startsWith("r:")) replaces = line.slice(2);
      else if (line.startsWith("q:")) replacesPriority = Number(line.slice(2)) || 0;
    }
    stanzas.push({ info, text: `${part}\n\n`, files, replaces, replacesPriority });
  }
  return stanzas;
}

/** Without the files that another package has taken over; folders stay. */
export function withoutFiles(text: string, lost: ReadonlySet<string>): string {
  let folder = "";
  let skipping = false;
  const kept = text.split("\n").filter((line) => {
    if (line.startsWith("F:")) folder = line.slice(2);
    if (line.startsWith("F:") || line === "") skipping = false;
    if (line.startsWith("R:")) skipping = lost.has(folder === "" ? line.slice(2) : `${folder}/${line.slice(2)}`);
    return !skipping;
  });
  return kept.join("\n");
}

/** As apk sorts names: without regard to case first. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
