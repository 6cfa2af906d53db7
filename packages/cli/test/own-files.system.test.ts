import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startFakeEngine } from "./fake-engine.ts";
import { BASE_KIT, createSandbox, type Sandbox } from "./run-cli.ts";

interface ImageJson {
  readonly id: string;
}

/** Writing into a folder changes its time. */
const EPOCH = ["--source-date-epoch", "1600000000"];

let sandbox: Sandbox;
let tree: string;
beforeEach(() => {
  sandbox = createSandbox();
  tree = sandbox.work("tree");
  for (const folder of ["a", "data[1]", ".../deep", ".cache"]) mkdirSync(join(tree, folder), { recursive: true });
  for (const name of ["a/file", "data[1]/file.tar.txt", "...deep"]) writeFileSync(join(tree, name), name);
  symlinkSync("data[1]/file.tar", join(tree, "other"));
});
afterEach(() => sandbox.dispose());

/** The layer, which is written elsewhere as well. */
async function imported(
  args: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = {},
  through: readonly string[] = [],
): Promise<string> {
  await sandbox.json(["import", "tree", "a", ...EPOCH, ...args, "-o", "tar:elsewhere.tar"], { env, through });
  return readFileSync(sandbox.work("elsewhere.tar"), "latin1");
}

describe.skipIf(requires("tar").skip)("import leaves out what it writes into the directory itself", () => {
  const empty = (name: string) => {
    for (const each of readdirSync(join(tree, name))) rmSync(join(tree, name, each), { recursive: true });
  };

  test.each([
    ["tar:tree/data[1]/file.tar"],
    ["tar:tree/.../deep/file.tar"],
    ["oci-archive:tree/x.tar:v1"],
    ["docker-archive:tree/a/x y\n.tar"],
    ["oci:tree/a/layout"],
    ["oci:tree/a/../a/layout/:v2"],
    ["oci:tree"],
    ["rootfs:tree/new", () => empty("new")],
  ])("%j", async (output, between = () => {}) => {
    const elsewhere = await imported();
    for (let times = 0; times < 2; times++) {
      expect(await imported(["-o", output])).toBe(elsewhere);
      between();
    }
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("with the links by which it is reached, and what killed imports have left of it, but nothing else", async () => {
    mkdirSync(join(tree, "place"));
    const elsewhere = await imported();
    symlinkSync("tree/first", sandbox.work("start"));
    symlinkSync("a/../second", join(tree, "first"));
    symlinkSync(join(tree, "data[1]/file.tar"), join(tree, "second"));
    symlinkSync("place/layout", join(tree, "layout"));
    mkdirSync(join(tree, "place/layout"));
    writeFileSync(join(tree, "data[1]/file.tar.tmp-1-00000000-000000000000"), "cut");
    mkdirSync(join(tree, "place/.new.tmp-1-00000000-000000000000"));
    const outputs = ["-o", "tar:start", "-o", "oci:tree/layout", "-o", "rootfs:tree/place/new"];
    expect(await imported(outputs)).toBe(elsewhere);
    expect(readFileSync(join(tree, "data[1]/file.tar"), "latin1")).toBe(elsewhere);
  });

  test("the compiled code of the program, where that is in it", async () => {
    const program = join(tree, "node_modules/base-kit");
    for (const name of ["bin", "bundle", "package.json"])
      cpSync(join(dirname(BASE_KIT), "..", name), join(program, name), { recursive: true });
    const elsewhere = await imported();
    const own = 'node=$1; shift 2; exec "$node" tree/node_modules/base-kit/bin/base-kit.js "$@"';
    for (let times = 0; times < 2; times++) {
      expect(await imported([], {}, ["sh", "-c", own, "sh"])).toBe(elsewhere);
      expect(existsSync(join(program, "code-cache"))).toBe(true);
    }
  });

  test("lists of packages, but no pipe that one is written to", async () => {
    const elsewhere = await imported();
    const lists = ["--sbom", "tree/a.spdx.json", "--sbom", "cyclonedx-json=tree/a/list"];
    for (let times = 0; times < 2; times++) expect(await imported(lists)).toBe(elsewhere);
    await expect(imported()).resolves.not.toBe(elsewhere);
    const through = ["sh", "-c", 'mkfifo tree/pipe; cat tree/pipe >list & exec "$@"', "sh"];
    const args = ["import", "tree", ...EPOCH, "-o", "tar:x.tar", "--sbom", "spdx-json=tree/pipe"];
    expect(await sandbox.run(args, { through })).toMatchObject({ exitCode: 0 });
    expect(readFileSync(sandbox.work("x.tar"), "latin1")).toContain("pipe\0");
  });

  test.skipIf(requires("root", "unshare").skip)("the archive that is written where no engine is found", async () => {
    const archive = ["import", "tree", "a", ...EPOCH, "-o", "oci-archive:elsewhere.tar"];
    const { id: elsewhere } = await sandbox.json<ImageJson>(archive);
    const hidden = 'mount -t tmpfs none /run && exec "$@"';
    const through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hidden, "sh"];
    for (let times = 0; times < 2; times++) {
      const again = ["import", ".", "a", ...EPOCH, "--json"];
      const outcome = await sandbox.run(again, { cwd: tree, through, env: { DOCKER_HOST: undefined } });
      expect(outcome.stderr).toContain("writing ./a-latest.tar instead");
      expect(JSON.parse(outcome.stdout).id).toBe(elsewhere);
    }
  });
});

test.skipIf(requires("tar").skip)("an engine still gets the layer while it is read", async () => {
  const engine = await startFakeEngine(sandbox.work("engine.sock"), "report");
  try {
    const args = ["import", "tree", "a", "--docker-host", engine.host, "--sbom", "tree/a.spdx.json"];
    const outcome = sandbox.run(args);
    expect(await engine.loading).toMatch(/\/images\/create\?/);
    expect(await outcome).toMatchObject({ exitCode: 5 });
  } finally {
    await engine.close();
  }
});

describe.skipIf(requires("tar").skip)("what base-kit keeps in the directory is left out", () => {
  const INSIDE = { TMPDIR: undefined, XDG_CACHE_HOME: undefined };

  test("by import", async () => {
    const elsewhere = await imported();
    for (let times = 0; times < 2; times++) {
      expect(await imported([], { ...INSIDE, HOME: tree })).toBe(elsewhere);
    }
    expect(readdirSync(join(tree, ".cache"))).toEqual(["base-kit"]);
    rmSync(join(tree, ".cache/base-kit"), { recursive: true });
    mkdirSync(join(tree, "tmp"));
    const withFolder = await imported();
    expect(await imported([], { TMPDIR: join(tree, "tmp") })).toBe(withFolder);
    expect(await imported(["--cache-dir", "tree/cache"])).toBe(withFolder);
  });

  test("by pack", async () => {
    const pack = (env: Readonly<Record<string, string | undefined>> = {}) =>
      sandbox.run(["pack", "tree", "-", ...EPOCH], { env });
    const elsewhere = await pack();
    for (let times = 0; times < 2; times++) {
      expect((await pack({ ...INSIDE, HOME: tree })).bytes.equals(elsewhere.bytes)).toBe(true);
    }
    expect(readdirSync(join(tree, ".cache"))).toEqual(["base-kit"]);
  });

  test("but packed where it is what is asked for", async () => {
    await sandbox.run(["pack", "tree", "x.tar"]);
    const outcome = await sandbox.run(["pack", join(sandbox.dir, "cache/base-kit"), "-"]);
    expect(outcome.bytes.toString("latin1")).toContain("results/");
  });
});
