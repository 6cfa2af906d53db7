import type { InstalledPackage } from "@base-kit/core";

/** The packages of an apk `installed` database: stanzas of one-letter fields (P name, V version, A architecture, o origin, L licence). */
export function parseApkInstalled(text: string): readonly InstalledPackage[] {
  const packages: InstalledPackage[] = [];
  for (const stanza of text.split("\n\n")) {
    const fields = new Map(stanza.split("\n").map((line) => [line.slice(0, 2), line.slice(2)]));
    const [name, version, architecture] = [fields.get("P:"), fields.get("V:"), fields.get("A:")];
    if (name === undefined || version === undefined || architecture === undefined) continue;
    const [source, licence] = [fields.get("o:"), fields.get("L:")];
    packages.push({
      name,
      version,
      architecture,
      ...(source === undefined || source === name ? {} : { source }),
      ...(licence === undefined ? {} : { licence }),
    });
  }
  return packages.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
