// What packages cost when nothing is fetched and nothing is run: beside dpkg-deb, tar and gzip; and whether more of them cost more each.
import { spawnSync } from "node:child_process";
import { closeSync, cpSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { limit, line, medians, run } from "./measure.mjs";

const SUITE = "bookworm";
const TO_DPKG_DEB = 0.5;
const TO_ALL_STANZAS = 0.3;
const PEAK_MIB = 350;
/** The largest may cost so much more per package and byte than the smallest. */
const FLAT = 1.5;

/** Minbase, and what brings it to 170, 380 and 620 packages. */
const SETS = [
  [],
  ["build-essential", "git", "curl", "python3"],
  ["ffmpeg", "vim", "openssh-client", "imagemagick"],
  [
    "postgresql",
    "nginx",
    "gnuplot-nox",
    "mpv",
    "texinfo",
    "subversion",
    "mercurial",
    "php-cli",
    "ruby",
    "nodejs",
  ].concat(["cmake", "python3-numpy", "libgtk-3-dev"]),
];

export async function debianPackages({ cli, folder, rounds, mirror }) {
  const work = join(folder, "debian-packages");
  mkdirSync(work);
  const minbase = await prepared({ cli, work, mirror, include: [], name: "minbase" });
  await besideDpkgDeb({ cli, work, rounds, minbase });
  await index({ rounds, minbase });
  // Some 400 MB are fetched for it.
  if (process.env["BASE_KIT_BENCH_PACKAGES"] === undefined)
    process.stdout.write("Time per package from 88 to 620: left out, BASE_KIT_BENCH_PACKAGES=1 asks for it\n");
  else await growing({ cli, work, mirror });
  rmSync(work, { recursive: true, force: true });
}

/** A lock, and a cache in which there are the packages it names. */
async function prepared({ cli, work, mirror, include, name }) {
  const set = { lock: join(work, `${name}.lock`), cache: join(work, `${name}-cache`), include };
  const asked = ["--compat", "debootstrap", "--mirror", mirror, "--configure", "none"];
  set.args = [`debian:${SUITE}`, ...asked, ...include.flatMap((each) => ["--include", each])];
  const output = ["-o", `tar:${join(work, "first.tar")}`, "--cache-dir", set.cache, "--quiet"];
  await run(process.execPath, [cli, "build", ...set.args, ...output, "--lockfile", set.lock], { cwd: work });
  rmSync(join(work, "first.tar"));
  const files = join(set.cache, "sha256");
  const all = readdirSync(files, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  set.lists = all.map((each) => join(each.parentPath, each.name)).filter((path) => startsWith(path, "\x1f\x8b"));
  set.debs = all.map((each) => join(each.parentPath, each.name)).filter((path) => startsWith(path, "!<arch>\n"));
  return set;
}

function startsWith(path, text) {
  const bytes = Buffer.alloc(text.length);
  const file = openSync(path, "r");
  readSync(file, bytes);
  closeSync(file);
  return bytes.toString("latin1") === text;
}

/** A build out of the packages alone: nothing of what was made of them before is there. */
async function buildFromPackages({ cli, work, set, peak }) {
  const cache = join(work, "cache");
  rmSync(cache, { recursive: true, force: true });
  for (const path of set.debs) cpSync(path, path.replace(set.cache, cache), { recursive: true });
  const output = ["-o", `oci-archive:${join(work, "image.tar")}`, "--cache-dir", cache, "--quiet", "--offline"];
  const args = [cli, "build", ...set.args, ...output, "--lockfile", set.lock, "--frozen-lockfile"];
  return run(process.execPath, args, { cwd: work, peak });
}

async function besideDpkgDeb({ cli, work, rounds, minbase }) {
  const tree = join(work, "tree");
  const unpack = `for deb; do dpkg-deb -x "$deb" ${tree}; done; tar --sort=name -C ${tree} -c . | gzip -6 > ${tree}.tar.gz`;
  const { kit, dpkg } = await medians(rounds, {
    kit: () => buildFromPackages({ cli, work, set: minbase }),
    dpkg: async () => {
      rmSync(tree, { recursive: true, force: true });
      return run("sh", ["-ec", unpack, "sh", ...minbase.debs]);
    },
  });
  rmSync(tree, { recursive: true, force: true });
  line("Debian minbase out of its packages, beside dpkg-deb, tar, gzip", kit.wall, dpkg.wall, TO_DPKG_DEB);
}

/** Packages of an index found by name, beside all of its stanzas parsed. */
async function index({ rounds, minbase }) {
  const { readPackagesIndex } = await import("../../packages/producer-debian/dist/index/packages-index.js");
  const [list] = minbase.lists;
  const plain = spawnSync("gzip", ["-dc", list], { maxBuffer: 2 ** 30 }).stdout;
  const names = JSON.stringify(readFileSync(minbase.lock, "utf8")).match(/(?<=\\"name\\":\\")[a-z0-9+.-]+/g);
  const timed = async (work) => {
    const started = performance.now();
    work();
    return { wall: performance.now() - started, peak: 0 };
  };
  const { some, all } = await medians(rounds, {
    some: () =>
      timed(() => {
        const found = readPackagesIndex(plain, "the bench");
        for (const name of names) found.find(name);
      }),
    all: () =>
      timed(() => {
        const found = readPackagesIndex(plain, "the bench");
        for (const name of found.names()) found.find(name);
      }),
  });
  line(`a package list: ${names.length} packages found, beside all parsed`, some.wall, all.wall, TO_ALL_STANZAS);
}

async function growing({ cli, work, mirror }) {
  process.stdout.write("packages    MB of packages        time     per package      per MB     peak memory\n");
  const rows = [];
  const include = [];
  for (const [at, more] of SETS.entries()) {
    include.push(...more);
    const set = await prepared({ cli, work, mirror, include: [...include], name: `set${at}` });
    const megabytes = Number(
      spawnSync("du", ["-cm", ...set.debs])
        .stdout.toString()
        .match(/(\d+)\ttotal/)?.[1],
    );
    const { wall, peak } = await buildFromPackages({ cli, work, set, peak: "all" });
    rows.push({ perPackage: wall / set.debs.length, perMegabyte: wall / megabytes, peak });
    const columns = [
      [`${set.debs.length}`, 8],
      [`${megabytes}`, 18],
      [`${Math.round(wall)} ms`, 12],
      [`${(wall / set.debs.length).toFixed(1)} ms`, 16],
      [`${(wall / megabytes).toFixed(0)} ms`, 12],
      [`${Math.round(peak)} MiB`, 16],
    ];
    process.stdout.write(`${columns.map(([text, width]) => text.padStart(width)).join("")}\n`);
    rmSync(set.cache, { recursive: true, force: true });
  }
  const [first, last] = [rows[0], rows.at(-1)];
  line("time per MB of packages, the most beside the fewest", last.perMegabyte, first.perMegabyte, FLAT);
  limit("  peak memory of all processes, most packages", last.peak, { at: PEAK_MIB, unit: "MiB" });
}
