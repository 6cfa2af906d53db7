import type { ByteString, InstalledPackage } from "@base-kit/core";
import { bytesFromBuffer, bytesFromText, printable } from "@base-kit/core";
import { type Missing, readSmallFile, type SearchRoot } from "@base-kit/elf";
import { parseApkInstalled, parseDpkgStatus, parseRpmDatabase, RPM_DATABASES, type RpmPackage } from "@base-kit/rootfs";

const DPKG_INFO = bytesFromText("/var/lib/dpkg/info");
const APK_DATABASES = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];
const DATABASE_AT_MOST = 256 * 1024 ** 2;

/** Which packages of the root brought these files, by the databases of dpkg, apk and rpm, which are read and not asked. */
export function ownersOf(
  root: SearchRoot,
  paths: Iterable<ByteString>,
): { readonly packages: readonly InstalledPackage[]; readonly byPath: ReadonlyMap<ByteString, string> } {
  const wanted = new Map<ByteString, ByteString>();
  for (const path of paths) {
    wanted.set(path, path);
    // A package made before the folders were merged knows its files by their old place.
    if (path.startsWith("/usr/")) wanted.set(path.slice(4) as ByteString, path);
  }
  const byPath = new Map<ByteString, string>();
  eachOwner(root, (path, owner) => {
    const mine = wanted.get(path);
    if (mine !== undefined) byPath.set(mine, owner);
  });
  const names = new Set(byPath.values());
  const packages = installed(root).filter(
    ({ name, architecture }) => names.has(name) || names.has(`${name}:${architecture}`),
  );
  return { packages, byPath };
}

/** Where a missing library could come from: said of packages that the root has, as far as it knows any. */
export function packagesHint(root: SearchRoot, missing: readonly Missing[]): string {
  const names = [
    ...new Set(
      missing.filter(({ kind }) => kind !== "version").map(({ name }) => name.slice(name.lastIndexOf("/") + 1)),
    ),
  ];
  const found = new Map<string, string>();
  eachOwner(root, (path, owner) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (names.includes(name) && !found.has(name)) found.set(name, `${printable(owner)} has ${printable(path)}`);
  });
  if (found.size > 0) return `The package ${[...found.values()].join("; ")}: it is in no folder that is searched.`;
  if (names.length === 0)
    return "Build the program for the libraries that are there, or take newer ones with --root or --from-image.";
  const name = names[0] ?? "";
  if (isAlpine(root)) return `Install what has it: apk add so:${printable(name)}.`;
  return `Install the package that has it (apt-file search ${printable(name)} tells which), or name another --root or --from-image.`;
}

function isAlpine(root: SearchRoot): boolean {
  return APK_DATABASES.some((path) => readSmallFile(root, bytesFromText(path), DATABASE_AT_MOST) !== undefined);
}

function eachOwner(root: SearchRoot, visit: (path: ByteString, owner: string) => void): void {
  for (const file of root.names(DPKG_INFO)) {
    if (!file.endsWith(".list")) continue;
    const list = readSmallFile(root, `${DPKG_INFO}/${file}` as ByteString, DATABASE_AT_MOST);
    const owner = file.slice(0, -".list".length);
    for (const line of list === undefined ? [] : bytesFromBuffer(list).split("\n")) visit(line as ByteString, owner);
  }
  for (const path of APK_DATABASES) {
    const database = readSmallFile(root, bytesFromText(path), DATABASE_AT_MOST);
    let [owner, folder] = ["", ""];
    for (const line of database === undefined ? [] : bytesFromBuffer(database).split("\n")) {
      if (line.startsWith("P:")) owner = line.slice(2);
      else if (line.startsWith("F:")) folder = line.slice(2);
      else if (line.startsWith("R:")) visit(`/${folder}/${line.slice(2)}` as ByteString, owner);
    }
  }
  for (const each of rpmPackages(root)) for (const file of each.files) visit(file, each.package.name);
}

function rpmPackages(root: SearchRoot): readonly RpmPackage[] {
  for (const path of RPM_DATABASES) {
    const database = readSmallFile(root, bytesFromText(`/${path}`), DATABASE_AT_MOST);
    if (database !== undefined) return parseRpmDatabase(database);
  }
  return [];
}

function installed(root: SearchRoot): readonly InstalledPackage[] {
  const dpkg = readSmallFile(root, bytesFromText("/var/lib/dpkg/status"), DATABASE_AT_MOST);
  if (dpkg !== undefined) return parseDpkgStatus(dpkg.toString("utf8"));
  for (const path of APK_DATABASES) {
    const apk = readSmallFile(root, bytesFromText(path), DATABASE_AT_MOST);
    if (apk !== undefined) return parseApkInstalled(apk.toString("utf8"));
  }
  return rpmPackages(root).map((each) => each.package);
}
