import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { createGpgHome, type GpgHome, type SigningKey } from "./gpg.ts";
import { locationOf } from "./requirements.ts";

/** A mirror with the layout and the facts of Ubuntu, because Ubuntu's own archive may not be at hand. */
export interface UbuntuMirror {
  readonly dir: string;
  /** The throw-away key it is signed with. */
  readonly keyring: string;
  /** Debian's name of the architecture. */
  readonly architecture: string;
}

const DEBIAN_SUITE = "bookworm";
const DOWNLOADS_AT_ONCE = 8;

/** A suite, and what its base-files package says of the release. */
interface Described {
  readonly suite: string;
  readonly codename: string;
  /** `24.04`. */
  readonly release: string;
  /** `24.04.3 LTS`. */
  readonly name: string;
  /** `Noble Numbat`. */
  readonly animal: string;
}

const FOCAL: Described = {
  suite: "focal",
  codename: "focal",
  release: "20.04",
  name: "20.04.6 LTS",
  animal: "Focal Fossa",
};
const NOBLE: Described = {
  suite: "noble",
  codename: "noble",
  release: "24.04",
  name: "24.04 LTS",
  animal: "Noble Numbat",
};
/** As in Ubuntu, the point releases come with the updates. */
const NOBLE_UPDATES: Described = { ...NOBLE, suite: "noble-updates", name: "24.04.3 LTS" };

/**
 * Fills an empty folder with the suites `focal`, and `noble` with its updates and security updates: what a small system
 * with apt needs, taken from the Debian archive that `requires("debian-mirror")` found, with a base-files package that
 * says Ubuntu and is packed by zstd as Ubuntu's are, behind Releases signed by a new key. Also needs `gpg`, `xz` and
 * dpkg-deb. A few seconds the first time; the folder that `npm test` names in `BASE_KIT_TEST_SHARED` keeps one, of which
 * the others are copies that a test may change.
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
  const base: string[] = [];
  let baseFiles: Listed | undefined;
  await eachOf(smallSystem(packages), async ({ name, stanza, ...found }) => {
    const deb = await get(`${debian}/${found.filename}`);
    if (sha256(deb) !== found.sha256) throw new Error(`${found.filename} is not what the index says`);
    if (name === "base-files") baseFiles = { stanza, deb };
    else base.push(keep(dir, `pool/main/${name}.deb`, { stanza, deb }));
  });
  const baseFilesOf = (described: Described, revision: string): string => {
    if (baseFiles === undefined) throw new Error("bookworm has no base-files");
    const listed = withUbuntuFacts(baseFiles, { described, revision, dir });
    return keep(dir, `pool/main/base-files-${described.suite}.deb`, listed);
  };
  using gpg = createGpgHome();
  const key = gpg.generate();
  const suite = (described: Described, stanzas: readonly string[]) =>
    writeSuite(dir, { described, stanzas, architecture, signer: { gpg, key } });
  suite(FOCAL, [...base, baseFilesOf(FOCAL, "ubuntu6")]);
  suite(NOBLE, [...base, baseFilesOf(NOBLE, "ubuntu10")]);
  suite(NOBLE_UPDATES, [baseFilesOf(NOBLE_UPDATES, "ubuntu10.3")]);
  suite({ ...NOBLE, suite: "noble-security" }, []);
  write(join(dir, "keyring.gpg"), gpg.exportKeys());
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

/** A package, and its paragraph in an index. */
interface Listed {
  readonly stanza: string;
  readonly deb: Uint8Array;
}

interface Repacking {
  readonly described: Described;
  /** What Ubuntu adds to the version. */
  readonly revision: string;
  readonly dir: string;
}

/** Repacked with what Ubuntu's base-files says about the release. */
function withUbuntuFacts({ stanza, deb }: Listed, { described, revision, dir }: Repacking): Listed {
  const { codename, release, name, animal } = described;
  const work = mkdtempSync(join(dir, "base-files-"));
  const withVersion = (text: string) => text.replace(/^Version: .*$/m, (line) => `${line}${revision}`);
  try {
    const tree = join(work, "tree");
    writeFileSync(join(work, "old.deb"), deb);
    execFileSync("dpkg-deb", ["--raw-extract", join(work, "old.deb"), tree]);
    const replace = (path: string, change: (old: string) => string) =>
      writeFileSync(join(tree, path), change(readFileSync(join(tree, path), "utf8")));
    const osRelease = [
      ...['NAME="Ubuntu"', `VERSION="${name} (${animal})"`, "ID=ubuntu", "ID_LIKE=debian"],
      ...[`PRETTY_NAME="Ubuntu ${name}"`, `VERSION_ID="${release}"`, 'HOME_URL="https://www.ubuntu.com/"'],
      ...[`VERSION_CODENAME=${codename}`, `UBUNTU_CODENAME=${codename}`, ""],
    ];
    const lsbRelease = [
      ...["DISTRIB_ID=Ubuntu", `DISTRIB_RELEASE=${release}`, `DISTRIB_CODENAME=${codename}`],
      ...[`DISTRIB_DESCRIPTION="Ubuntu ${name}"`, ""],
    ];
    replace("usr/lib/os-release", () => osRelease.join("\n"));
    writeFileSync(join(tree, "etc/lsb-release"), lsbRelease.join("\n"));
    replace("etc/issue", () => `Ubuntu ${name} \\n \\l\n\n`);
    replace("DEBIAN/conffiles", (old) => `${old}/etc/lsb-release\n`);
    replace("DEBIAN/control", withVersion);
    const sums = "find . -path ./DEBIAN -prune -o -type f -printf '%P\\0' | sort -z | xargs -0 md5sum > DEBIAN/md5sums";
    execFileSync("sh", ["-c", sums], { cwd: tree });
    execFileSync("dpkg-deb", ["-Zzstd", "-z1", "--root-owner-group", "--build", tree, join(work, "new.deb")]);
    return { stanza: withVersion(stanza), deb: readFileSync(join(work, "new.deb")) };
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Writes a package into the mirror, and gives its paragraph there. */
function keep(dir: string, filename: string, { stanza, deb }: Listed): string {
  write(join(dir, filename), deb);
  return restated(stanza, { filename, deb });
}

/** Without the archive's own fields, and required: debootstrap's script for Ubuntu knows no other way to install `usr-is-merged`. */
function restated(stanza: string, { filename, deb }: { readonly filename: string; readonly deb: Uint8Array }): string {
  const kept = stanza
    .split("\n")
    .filter((line) => !/^(?:Priority|Filename|Size|MD5sum|SHA256|Description-md5):/.test(line));
  const fields = [`Priority: required`, `Filename: ${filename}`, `Size: ${deb.length}`, `SHA256: ${sha256(deb)}`];
  return [...kept.filter((line) => line !== ""), ...fields].join("\n");
}

interface SuiteContent {
  readonly described: Described;
  /** Of the packages in `main`. */
  readonly stanzas: readonly string[];
  readonly architecture: string;
  readonly signer: { readonly gpg: GpgHome; readonly key: SigningKey };
}

function writeSuite(dir: string, { described, stanzas, architecture, signer }: SuiteContent): void {
  const { suite, codename, release, animal } = described;
  const packages = stanzas
    .toSorted()
    .map((each) => `${each}\n\n`)
    .join("");
  const indexes = { main: Buffer.from(packages), universe: Buffer.alloc(0) };
  const all = Object.entries(indexes).flatMap(([component, bytes]) => {
    const path = `${component}/binary-${architecture}/Packages`;
    return [[path, bytes] as const, [`${path}.gz`, gzipSync(bytes)] as const];
  });
  const folder = join(dir, "dists", suite);
  for (const [path, bytes] of all) write(join(folder, path), bytes);
  const text = [
    "Origin: Ubuntu",
    "Label: Ubuntu",
    `Suite: ${suite}`,
    `Version: ${release}`,
    `Codename: ${codename}`,
    `Date: ${new Date().toUTCString().replace("GMT", "UTC")}`,
    `Architectures: ${architecture}`,
    `Components: ${Object.keys(indexes).join(" ")}`,
    `Description: Ubuntu ${animal.split(" ")[0]} ${release}`,
    "SHA256:",
    ...all.map(([path, bytes]) => ` ${sha256(bytes)} ${bytes.length} ${path}`),
    "",
  ].join("\n");
  const by = [signer.key];
  write(join(folder, "InRelease"), signer.gpg.clearsign(text, { by }));
  write(join(folder, "Release"), text);
  write(join(folder, "Release.gpg"), signer.gpg.sign(text, { by }));
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
