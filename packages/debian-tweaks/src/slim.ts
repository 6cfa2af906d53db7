import type { Entry, Rootfs } from "@base-kit/core";
import { textFromBytes } from "@base-kit/core";
import { addEntries, excludePaths, fileEntry, findEntry, mergedEntries, removePaths } from "@base-kit/rootfs";
import type { Build } from "./tweak.ts";

/** What `debian:…-slim` leaves out, as dpkg patterns. Source: debuerreotype, scripts/.slimify-excludes and .slimify-includes. */
const EXCLUDE = [
  "/usr/share/doc/*",
  "/usr/share/doc/kde/HTML/*/*",
  "/usr/share/gnome/help/*/*",
  "/usr/share/info/*",
  "/usr/share/linda/*",
  "/usr/share/lintian/overrides/*",
  "/usr/share/locale/*",
  "/usr/share/man/*",
  "/usr/share/omf/*/*-*.emf",
];
const INCLUDE = [
  "/usr/share/doc/*/copyright",
  "/usr/share/doc/kde/HTML/C/*",
  "/usr/share/gnome/help/*/C/*",
  "/usr/share/locale/all_languages",
  "/usr/share/locale/currency/*",
  "/usr/share/locale/l10n/*",
  "/usr/share/locale/languages",
  "/usr/share/locale/locale.alias",
  "/usr/share/omf/*/*-C.emf",
];

const AREAS = ["usr/share/doc/", "usr/share/gnome/help/", "usr/share/info/", "usr/share/linda/"].concat([
  "usr/share/lintian/overrides/",
  "usr/share/locale/",
  "usr/share/man/",
  "usr/share/omf/",
]);

/** Scripts of packages such as postgresql make links in these folders and fail without them (debuerreotype#10). */
const MANUAL_SECTION = /^usr\/share\/man\/man[0-9]$/;

/** Leaves out documentation, manual pages and translations now, and tells dpkg to do so for all that is installed later. */
export function slim(rootfs: Rootfs, { epoch }: Build): Rootfs {
  const sections = mergedEntries(rootfs).filter(({ path, type }) => type === "directory" && MANUAL_SECTION.test(path));
  const config = fileEntry("etc/dpkg/dpkg.cfg.d/docker", dpkgConfig(), { mtime: epoch });
  let slimmed = excludePaths({ exclude: EXCLUDE, include: INCLUDE })(rootfs);
  for (;;) {
    const useless = uselessEntries(slimmed);
    if (useless.length === 0) break;
    slimmed = removePaths(useless)(slimmed);
  }
  return addEntries([...sections, config], "slim")(slimmed);
}

function dpkgConfig(): string {
  return [
    "# This image is slim: documentation, manual pages and translations are left out, and these",
    "# lines make dpkg leave them out of everything that is installed later. Remove this file and",
    "# reinstall a package (apt-get install --reinstall PACKAGE) to get them.",
    "",
    ...EXCLUDE.map((pattern) => `path-exclude ${pattern}`),
    "",
    ...INCLUDE.map((pattern) => `path-include ${pattern}`),
    "",
  ].join("\n");
}

/** Folders that became empty, and links that lead nowhere any more. Each round may make more of them. */
function uselessEntries(rootfs: Rootfs): readonly string[] {
  const entries = mergedEntries(rootfs);
  const parents = new Set<string>(entries.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf("/")))));
  const isUseless = ({ path, type }: Entry): boolean =>
    type === "symlink" ? findEntry(rootfs, path) === undefined : type === "directory" && !parents.has(path);
  return entries
    .filter((entry) => AREAS.some((area) => entry.path.startsWith(area)) && isUseless(entry))
    .map(({ path }) => textFromBytes(path));
}
