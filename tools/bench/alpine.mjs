// Alpine from files of its mirror that are on this machine: the untouched minirootfs, an index, and an image of fifty packages.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newApkKey, writeApkRepository } from "@base-kit/testing";
import { line, medians, run } from "./measure.mjs";

const MIRROR = process.env["BASE_KIT_TEST_ALPINE_MIRROR"] ?? "";
const RELEASES = join(MIRROR, "v3.20/releases/x86_64");
const INDEX = join(MIRROR, "v3.17/main/aarch64");
const BUILD = fileURLToPath(new URL("alpine-build.mjs", import.meta.url));
const TO_FLOOR = 1.2;
const INDEX_MS = 300;
const SOLVE_MS = 100;
const WARM_MS = 700;
const PACKAGES = 50;

/** Needs BASE_KIT_TEST_ALPINE_MIRROR to be a folder. */
export function canMakeAlpine() {
  return MIRROR !== "" && existsSync(RELEASES) && existsSync(INDEX);
}

export async function alpine({ cli, folder, rounds, engine }) {
  await archive(folder, rounds);
  if (engine) await loading({ cli, folder, rounds });
  await index(rounds);
  await fiftyPackages({ cli, folder, rounds });
}

/** The floor reads the file, hashes it and writes it, and has no node and no modules to load either. */
async function archive(folder, rounds) {
  const file = join(
    RELEASES,
    readdirSync(RELEASES).find((name) => name.endsWith("-x86_64.tar.gz")),
  );
  const [cache, out] = [join(folder, "alpine-cache"), join(folder, "alpine.tar")];
  const { kit, floor, shell } = await medians(rounds, {
    kit: () => told(BUILD, [MIRROR, cache, `oci-archive:${out}`, "5"], ({ total }) => total),
    floor: () => run("sh", ["-c", 'cat "$1" > "$2" && sha256sum "$1"', "sh", file, out]),
    shell: () => run("sh", ["-c", "true"]),
  });
  line("Alpine's minirootfs to an archive, beside cat and sha256sum", kit.wall, floor.wall - shell.wall, TO_FLOOR);
}

async function loading({ cli, folder, rounds }) {
  const name = `base-kit-bench-alpine-${process.pid}`;
  const build = ["build", "alpine:3.20", "--mirror", MIRROR, "--cache-dir", join(folder, "alpine-cache"), "--quiet"];
  const file = join(folder, "alpine-load.tar");
  execFileSync(process.execPath, [
    cli,
    ...build,
    "-t",
    `${name}:load`,
    "-o",
    `docker-archive:${file}`,
    "--compression",
    "none",
  ]);
  const remove = (tag) => execFileSync("docker", ["rmi", "-f", tag], { stdio: "ignore" });
  const cache = join(folder, "alpine-cache");
  const { kit, docker, start } = await medians(rounds, {
    kit: () => told(BUILD, [MIRROR, cache, `docker-daemon:${name}:kit`, "5"], ({ total }) => total),
    docker: () => run("docker", ["load", "--input", file]).finally(() => remove(`${name}:load`)),
    start: () => run("docker", ["--version"]),
  });
  line("Alpine's minirootfs to an engine, beside docker load", kit.wall, docker.wall - start.wall, TO_FLOOR);
}

async function index(rounds) {
  const script = fileURLToPath(new URL("alpine-index.mjs", import.meta.url));
  const { read, solve } = await medians(rounds, {
    read: () => told(script, [INDEX], (result) => result.read),
    solve: () => told(script, [INDEX], (result) => result.solve),
  });
  limit("Alpine's index of 5,000 packages, verified and parsed", read.wall, INDEX_MS);
  limit("  twenty packages and what they need, chosen from it", solve.wall, SOLVE_MS);
}

async function fiftyPackages({ cli, folder, rounds }) {
  const key = newApkKey();
  const names = Array.from({ length: PACKAGES }, (_, at) => `package-${at}`);
  const described = names.map((name, at) => ({
    name,
    files: Object.fromEntries(
      Array.from({ length: 20 }, (_, file) => [`usr/share/${name}/${file}`, `${name} ${file}\n`.repeat(500)]),
    ),
    info: at === 0 ? [] : [`depend = package-${at - 1}`],
  }));
  const mirror = join(folder, "alpine-mirror");
  writeApkRepository(join(mirror, "v3.20/main"), described, key);
  symlinkSync(join(MIRROR, "v3.20/releases"), join(mirror, "v3.20/releases"));
  const from = ["--mirror", mirror, "--keyring", join(mirror, "v3.20/main", key.name), "--include", names.at(-1)];
  const to = [
    "-o",
    `oci-archive:${join(folder, "alpine-50.tar")}`,
    "--cache-dir",
    join(folder, "alpine-cache"),
    "--quiet",
  ];
  const { warm } = await medians(rounds, {
    warm: () => run(process.execPath, [cli, "build", "alpine:3.20", ...from, ...to]),
  });
  limit("Alpine with fifty packages again, with a warm cache", warm.wall, WARM_MS);
}

/** What a script says of itself, as a wall time. */
async function told(script, args, pick) {
  const result = JSON.parse(execFileSync(process.execPath, [script, ...args], { encoding: "utf8" }));
  return { wall: pick(result), peak: 0 };
}

function limit(what, found, at) {
  const verdict = found <= at ? "ok" : "MISSED";
  process.stdout.write(
    `${what.padEnd(58)}${`${Math.round(found)} ms`.padStart(9)}${"".padStart(19)}≤ ${at} ms  ${verdict}\n`,
  );
}
