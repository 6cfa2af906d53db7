import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchOtherNode } from "./other-node.ts";
import { createSandbox, FORTY_DAYS_LATER, type RunOptions, type Sandbox } from "./run-cli.ts";

/** The manifest's digest, of the image this was when it was written; it must never change. */
const GOLDEN = "sha256:b25fd5c11aff2e8580796b460c3399ed2038492ba7e47872780255b7edcb2a4c";
const TIME = 1_600_000_000;

interface Built {
  readonly images: readonly { readonly manifest: string }[];
}

/** A fourth golden image, through the command line: what surrounds a build must not come to be in it. */
describe.skipIf(requires("root", "tar").skip)("a directory is the same image", () => {
  let sandbox: Sandbox;

  beforeAll(() => {
    sandbox = createSandbox();
    plant(sandbox.work("forward"), NAMES);
    plant(sandbox.work("backward"), NAMES.toReversed());
    mkdirSync(sandbox.work("elsewhere"));
  });
  afterAll(() => sandbox.dispose());

  const surroundings: readonly (readonly [string, string, () => RunOptions])[] = [
    ["as it is", "forward", () => ({})],
    ["from files made in another order", "backward", () => ({})],
    [
      "in another time zone and language",
      "forward",
      () => ({ env: { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } }),
    ],
    ["on another day", "forward", () => ({ env: FORTY_DAYS_LATER })],
    ["with a strict umask", "forward", () => ({ through: ["sh", "-c", 'umask 077; exec "$@"', "sh"] })],
    [
      "from another place, with another home",
      "forward",
      () => ({ cwd: sandbox.work("elsewhere"), env: { HOME: "/" } }),
    ],
    ["with one worker", "backward", () => ({ env: { UV_THREADPOOL_SIZE: "1" }, through: ["taskset", "-c", "0"] })],
    ["with eight workers", "backward", () => ({ env: { UV_THREADPOOL_SIZE: "8", NODE_OPTIONS: EIGHT_CORES } })],
    ["on a processor of twenty years ago", "forward", () => ({ through: nodeWith(OLD_PROCESSOR) })],
    ["where nothing may be compiled", "forward", () => ({ through: nodeWith(["--jitless"]) })],
  ];
  test.each(surroundings)("%s", (how, folder, options) => expectGolden(how, folder, options()));

  test.skipIf(requires("npm-registry").skip)("by another release of Node", async () => {
    const node = fetchOtherNode(sandbox.dir);
    await expectGolden("by another Node", "forward", { through: ["sh", "-c", `shift; exec ${node} "$@"`, "sh"] });
  });

  async function expectGolden(how: string, folder: string, options: RunOptions): Promise<void> {
    // Each with a cache of its own: nothing is to be taken from the one before.
    const cache = sandbox.work(`cache ${how}`);
    const args = ["import", sandbox.work(folder), "demo/golden:1", "--arch", "amd64", "--compressor", "portable"];
    const more = [
      "--source-date-epoch",
      String(TIME),
      "-o",
      `oci:${sandbox.work(`out ${how}`)}:x`,
      "--cache-dir",
      cache,
    ];
    const built = await sandbox.json<Built>([...args, ...more], options);
    expect(built.images.map(({ manifest }) => manifest)).toEqual([GOLDEN]);
  }
});

/** The compressor has as many threads as there are cores, of which this machine may have fewer. */
const EIGHT_CORES = `--import=data:text/javascript,${encodeURIComponent(
  'import os from "node:os"; import { syncBuiltinESMExports } from "node:module"; os.availableParallelism = () => 8; syncBuiltinESMExports();',
)}`;

/** What V8 may otherwise use where the processor has it; flags for another architecture change nothing. */
const OLD_PROCESSOR = [
  "sse3",
  "ssse3",
  "sse4-1",
  "sse4-2",
  "avx",
  "avx2",
  "fma3",
  "bmi1",
  "bmi2",
  "lzcnt",
  "popcnt",
].map((feature) => `--no-enable-${feature}`);

/** For `through`: flags of Node have to come before the program. */
function nodeWith(flags: readonly string[]): readonly string[] {
  return ["sh", "-c", `node=$1; shift; exec "$node" ${flags.join(" ")} "$@"`, "sh"];
}

const NAMES = ["İstanbul", "a", "a-b", "a.b", "B", "é", "z", "ı"];

function plant(root: string, names: readonly string[]): void {
  mkdirSync(root);
  for (const name of names) {
    const folder = join(root, name);
    mkdirSync(folder);
    writeFileSync(join(folder, "text"), `${name} `.repeat(90_000));
    linkSync(join(folder, "text"), join(folder, "same"));
    symlinkSync("text", join(folder, "link"));
    chmodSync(join(folder, "text"), 0o640);
    chmodSync(folder, 0o755);
    // Newer than the image may be, so that its own time does not show; links keep theirs.
    for (const path of [join(folder, "text"), folder]) utimesSync(path, TIME + 500, TIME + 500);
  }
  chmodSync(root, 0o755);
  utimesSync(root, TIME + 500, TIME + 500);
}
