import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { createGpgHome } from "./gpg.ts";
import { locationOf } from "./requirements.ts";

/** A mirror with the layout and the facts of Ubuntu 20.04, because Ubuntu's own archive may not be at hand. */
export interface UbuntuMirror {
  readonly dir: string;
  /** The throw-away key it is signed with. */
  readonly keyring: string;
  /** Debian's name of the architecture. */
  readonly architecture: string;
}

const DEBIAN_SUITE = "bookworm";
const DOWNLOADS_AT_ONCE = 8;

const OS_RELEASE = `NAME="Ubuntu"
VERSION="20.04.6 LTS (Focal Fossa)"
ID=ubuntu
ID_LIKE=debian
PRETTY_NAME="Ubuntu 20.04.6 LTS"
VERSION_ID="20.04"
HOME_URL="https://www.ubuntu.com/"
VERSION_CODENAME=focal
UBUNTU_CODENAME=focal
`;
const LSB_RELEASE = `DISTRIB_ID=Ubuntu
DISTRIB_RELEASE=20.04
DISTRIB_CODENAME=focal
DISTRIB_DESCRIPTION="Ubuntu 20.04.6 LTS"
`;

/**
 * Fills an empty folder with suite `focal`: what a small system with apt needs, taken from the Debian archive that
 * `requires("debian-mirror")` found, with a base-files package that says Ubuntu, behind a Release signed by a new key.
 * Also needs `gpg`, `xz` and dpkg-deb. A few seconds the first time; the folder that `npm test` names in
 * `BASE_KIT_TEST_SHARED` keeps one, of which the others are copies that a test may change.
 */
export async function createUbuntuMirror(dir: string): Promise<UbuntuMirror> {
  const shared = process.env["BASE_KIT_TEST_SHARED"];
  if (shared) cpSync(await sharedMirror(shared), dir, { recursive: true });
  else await fillMirror(dir);
  return { dir, keyring: join(dir, "keyring.gpg"), architecture: dpkgArchitecture() };
}

/** Two test files that begin at the same time may both make one: the first is kept. */
async function sharedMirror(shared: string): Promise<string> {
  const kept = join(shared, "ubuntu-mirror");
  if (existsSync(kept)) return kept;
  const own = mkdtempSync(`${kept}-`);
  await fillMirror(own);
  try {
    renameSync(own, kept);
  } catch (error) {
    if (!existsSync(kept)) throw error;
  }
  return kept;
}

async function fillMirror(dir: string): Promise<void> {
  const debian = locationOf("debian-mirror").replace(/\/+$/, "");
  const architecture = dpkgArchitecture();
  const index = `${debian}/dists/${DEBIAN_SUITE}/main/binary-${architecture}/Packages.xz`;
  const packages = parsePackages(
    execFileSync("xz", ["-dc"], { input: await get(index), maxBuffer: 2 ** 30 }).toString(),
  );
  const wanted = smallSystem(packages);
  const stanzas: string[] = [];
  await eachOf(wanted, async (found) => {
    const original = await get(`${debian}/${found.filename}`);
    if (sha256(original) !== found.sha256) throw new Error(`${found.filename} is not what the index says`);
    const deb = found.name === "base-files" ? withUbuntuFacts(original, dir) : original;
    const filename = `pool/main/${found.name}.deb`;
    write(join(dir, filename), deb);
    stanzas.push(restated(found.stanza, { filename, deb }));
  });
  const files = {
    [`main/binary-${architecture}/Packages`]: Buffer.from(`${stanzas.sort().join("\n\n")}\n\n`),
    [`universe/binary-${architecture}/Packages`]: Buffer.alloc(0),
  };
  writeSuite(dir, files, architecture);
}

function dpkgArchitecture(): string {
  return execFileSync("dpkg", ["--print-architecture"]).toString().trim();
}

interface Package {
  readonly name: string;
  readonly stanza: string;
  readonly isEssential: boolean;
  readonly filename: string;
  readonly sha256: string;
  /** First alternatives only, as debootstrap resolves them. */
  readonly depends: readonly string[];
}

function parsePackages(text: string): ReadonlyMap<string, Package> {
  const packages = text
    .split("\n\n")
    .filter((stanza) => stanza.trim() !== "")
    .map((stanza) => {
      const field = (name: string) => stanza.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1] ?? "";
      const relations = `${field("Pre-Depends")},${field("Depends")}`.split(",");
      return {
        name: field("Package"),
        stanza,
        isEssential: field("Essential") === "yes",
        filename: field("Filename"),
        sha256: field("SHA256"),
        depends: relations.map((relation) => relation.trim().split(/[ |:(]/)[0] ?? "").filter((name) => name !== ""),
      };
    });
  return new Map(packages.map((each) => [each.name, each]));
}

/** The smallest system that debootstrap's script for Ubuntu can make: every package more costs each test that makes one. */
function smallSystem(packages: ReadonlyMap<string, Package>): readonly Package[] {
  const wanted = new Map<string, Package>();
  const names = [...packages.values()].filter(({ isEssential }) => isEssential).map(({ name }) => name);
  // The script names mawk and mount itself. A system with merged /usr needs no `usrmerge` but its statement.
  const todo = [...names, "apt", "mawk", "mount", "usr-is-merged"];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const found = packages.get(name);
    if (found === undefined || wanted.has(name) || name === "usrmerge") continue;
    wanted.set(name, found);
    todo.push(...found.depends);
  }
  return [...wanted.values()];
}

/** Repacked with what Ubuntu's base-files says about the release. */
function withUbuntuFacts(deb: Uint8Array, dir: string): Buffer {
  const work = mkdtempSync(join(dir, "base-files-"));
  try {
    const tree = join(work, "tree");
    writeFileSync(join(work, "old.deb"), deb);
    execFileSync("dpkg-deb", ["--raw-extract", join(work, "old.deb"), tree]);
    writeFileSync(join(tree, "usr/lib/os-release"), OS_RELEASE);
    writeFileSync(join(tree, "etc/lsb-release"), LSB_RELEASE);
    writeFileSync(join(tree, "etc/issue"), "Ubuntu 20.04.6 LTS \\n \\l\n\n");
    const conffiles = join(tree, "DEBIAN/conffiles");
    writeFileSync(conffiles, `${readFileSync(conffiles, "utf8")}/etc/lsb-release\n`);
    rmSync(join(tree, "DEBIAN/md5sums"));
    execFileSync("dpkg-deb", ["-Zgzip", "-z1", "--root-owner-group", "--build", tree, join(work, "new.deb")]);
    return readFileSync(join(work, "new.deb"));
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Without the archive's own fields, and required: debootstrap's script for Ubuntu knows no other way to install `usr-is-merged`. */
function restated(stanza: string, { filename, deb }: { readonly filename: string; readonly deb: Uint8Array }): string {
  const kept = stanza
    .split("\n")
    .filter((line) => !/^(?:Priority|Filename|Size|MD5sum|SHA256|Description-md5):/.test(line));
  const fields = [`Priority: required`, `Filename: ${filename}`, `Size: ${deb.length}`, `SHA256: ${sha256(deb)}`];
  return [...kept.filter((line) => line !== ""), ...fields].join("\n");
}

function writeSuite(dir: string, indexes: Readonly<Record<string, Buffer>>, architecture: string): void {
  const all = Object.entries(indexes).flatMap(([path, bytes]) => [
    [path, bytes] as const,
    [`${path}.gz`, gzipSync(bytes)] as const,
  ]);
  for (const [path, bytes] of all) write(join(dir, "dists/focal", path), bytes);
  const release = [
    "Origin: Ubuntu",
    "Label: Ubuntu",
    "Suite: focal",
    "Version: 20.04",
    "Codename: focal",
    `Date: ${new Date().toUTCString().replace("GMT", "UTC")}`,
    `Architectures: ${architecture}`,
    "Components: main universe",
    "Description: Ubuntu Focal 20.04",
    "SHA256:",
    ...all.map(([path, bytes]) => ` ${sha256(bytes)} ${bytes.length} ${path}`),
    "",
  ].join("\n");
  using gpg = createGpgHome();
  const by = [gpg.generate()];
  write(join(dir, "dists/focal/InRelease"), gpg.clearsign(release, { by }));
  write(join(dir, "dists/focal/Release"), release);
  write(join(dir, "dists/focal/Release.gpg"), gpg.sign(release, { by }));
  write(join(dir, "keyring.gpg"), gpg.exportKeys());
}

async function get(url: string): Promise<Buffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  return Buffer.from(await response.arrayBuffer());
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const todo = [...items];
  const worker = async () => {
    for (let item = todo.pop(); item !== undefined; item = todo.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: DOWNLOADS_AT_ONCE }, worker));
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
