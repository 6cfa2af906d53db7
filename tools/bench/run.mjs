#!/usr/bin/env node
// `npm run bench`: base-kit beside the tools it replaces, as ratios of medians within this run. Not a test: machines differ.
// BASE_KIT_BENCH_ROUNDS: how often each is measured (5). BASE_KIT_BENCH_TREE: a Debian tree that is there already.
// BASE_KIT_BENCH_PACKAGES: also builds of up to 620 packages.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { alpine, canMakeAlpine } from "./alpine.mjs";
import { canMakeDebian, debian } from "./debian.mjs";
import { debianPackages } from "./debian-packages.mjs";
import { growth } from "./growth.mjs";
import { importing } from "./import.mjs";
import { layerGrowth, layers } from "./layers.mjs";
import { line, medians, run } from "./measure.mjs";
import { canPush, pushing } from "./registry.mjs";
import { libraries } from "./scratch.mjs";
import { debianMinbase, debianMirror, smallFiles } from "./trees.mjs";

const CLI = fileURLToPath(new URL("../../packages/cli/bin/base-kit.js", import.meta.url));
const ROUNDS = Number(process.env["BASE_KIT_BENCH_ROUNDS"] ?? 5);
const folder = mkdtempSync(join(process.env["TMPDIR"] ?? "/var/tmp", "base-kit-bench-"));

try {
  process.stdout.write(`${"".padEnd(58)}${"base-kit".padStart(9)}${"rival".padStart(9)}${"ratio".padStart(8)}\n`);
  await startUp();
  await libraries(Math.min(ROUNDS, 3));
  const minbase = process.env["BASE_KIT_BENCH_TREE"] ?? debianMinbase(folder);
  if (minbase === undefined)
    process.stdout.write("Debian minbase: left out, it needs root, debootstrap and a mirror\n");
  else await packing("pack Debian minbase, beside GNU tar", minbase);
  await packing("pack 10,000 small files, beside GNU tar", smallFiles(folder));
  if (minbase !== undefined && engineAnswers()) await importing({ cli: CLI, rounds: ROUNDS, tree: minbase });
  else process.stdout.write("import: left out, it needs a Docker engine\n");
  if (canMakeDebian()) {
    await debian({ cli: CLI, folder, rounds: ROUNDS });
    await debianPackages({ cli: CLI, folder, rounds: ROUNDS, mirror: debianMirror() });
  } else process.stdout.write("Debian natively: left out, it needs root, debootstrap and mmdebstrap\n");
  if (canMakeAlpine()) await alpine({ cli: CLI, folder, rounds: ROUNDS, engine: engineAnswers() });
  else process.stdout.write("Alpine: left out, it needs a folder with Alpine's files as BASE_KIT_TEST_ALPINE_MIRROR\n");
  await growth(CLI, folder);
  await layers(folder, ROUNDS);
  await layerGrowth(folder);
  if (canPush()) await pushing({ cli: CLI, folder, rounds: ROUNDS });
  else process.stdout.write("push: left out, it needs docker-registry and skopeo\n");
} finally {
  spawnSync("rm", ["-rf", "--one-file-system", "--", folder]);
}

/** What `--help` costs over an empty node; a limit in milliseconds, not a ratio. */
async function startUp() {
  const { help, node } = await medians(ROUNDS * 2, {
    help: () => run(process.execPath, [CLI, "--help"]),
    node: () => run(process.execPath, ["-e", "0"]),
  });
  const extra = help.wall - node.wall;
  process.stdout.write(
    `${"--help over an empty node".padEnd(58)}${`${Math.round(extra)} ms`.padStart(9)}${"".padStart(19)}≤ 150 ms  ${extra <= 150 ? "ok" : "MISSED"}\n`,
  );
}

async function packing(what, tree) {
  const [ours, theirs] = [join(folder, "ours.tar"), join(folder, "theirs.tar")];
  const empty = join(folder, "empty");
  mkdirSync(empty, { recursive: true });
  const { kit, tar, start } = await medians(ROUNDS, {
    start: () => run(process.execPath, [CLI, "pack", "--quiet", empty, ours]),
    kit: () => run(process.execPath, [CLI, "pack", "--quiet", tree, ours], { peak: true }),
    tar: () => run("tar", ["--sort=name", "--numeric-owner", "-C", tree, "-cf", theirs, "."]),
  });
  line(`${what}, start-up (of an empty pack) apart`, kit.wall - start.wall, tar.wall, 1.2);
  process.stdout.write(
    `${"  peak memory".padEnd(58)}${`${Math.round(kit.peak)} MiB`.padStart(9)}${"".padStart(19)}≤ 200 MiB  ${kit.peak <= 200 ? "ok" : "MISSED"}\n`,
  );
  for (const file of [ours, theirs]) rmSync(file, { force: true });
}

function engineAnswers() {
  return spawnSync("docker", ["version"], { stdio: "ignore" }).status === 0;
}
