import type { InstalledPackage } from "@base-kit/core";

/** The packages of a dpkg `status` file that are there: deb822 stanzas, dpkg(1) "Package states". */
export function parseDpkgStatus(text: string): readonly InstalledPackage[] {
  const packages: InstalledPackage[] = [];
  for (const stanza of text.split(/\n[ \t]*\n/)) {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, "mi").exec(stanza)?.[1]?.trim();
    const [name, version, architecture] = [field("Package"), field("Version"), field("Architecture")];
    const state = field("Status")?.split(/\s+/)[2];
    if (name === undefined || version === undefined || architecture === undefined) continue;
    if (state === "not-installed" || state === "config-files") continue;
    // `Source: glibc (2.36-9)`: the version is there only where it is another one.
    const source = field("Source")?.replace(/\s*\(.*\)$/, "");
    packages.push({ name, version, architecture, ...(source === undefined ? {} : { source }) });
  }
  return packages.sort((a, b) => compare(`${a.name}\0${a.architecture}`, `${b.name}\0${b.architecture}`));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
