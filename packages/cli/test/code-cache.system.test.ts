import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BASE_KIT } from "./run-cli.ts";

/** A bundle of two modules in the place of ours, which prints what its second module says. */
let root: string;
let cache: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  mkdirSync(join(root, "bundle"));
  writeFileSync(join(root, "bundle/package.json"), '{ "type": "commonjs" }');
  copyFileSync(join(dirname(BASE_KIT), "../bundle/start.js"), join(root, "bundle/start.js"));
  write(
    "main.js",
    `process.stdout.write(require("./said.js").said()); process.exitCode = Number(process.env.CODE ?? 0);`,
  );
  write("said.js", SAYS);
  write("build-id", "one");
  cache = join(root, "code-cache", `${process.version}-${process.arch}`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const SAYS = `exports.said = () => "first";`;
/** As long as the other: V8 itself would not see that it is another. */
const SAYS_OTHERWISE = SAYS.replace("first", "other");

describe("compiled code", () => {
  test("is kept for each command by itself, and taken as long as the bundle is the same", () => {
    expect(run("import", "x")).toBe("first");
    expect(run("--json")).toBe("first");
    expect(readdirSync(cache).sort()).toEqual(["import", "other"]);
    const before = statSync(join(cache, "import")).ino;
    write("said.js", SAYS_OTHERWISE);
    expect(run("import", "y")).toBe("first");
    expect(run("pack")).toBe("other");
    expect(statSync(join(cache, "import")).ino).toBe(before);
    write("build-id", "two");
    expect(run("import", "y")).toBe("other");
    expect(statSync(join(cache, "import")).ino).not.toBe(before);
    expect(run("import", "y")).toBe("other");
  });

  test("grows by the modules that another run needs", () => {
    write("main.js", `if (process.argv[3]) process.stdout.write(require("./said.js").said());`);
    expect(run("import")).toBe("");
    expect(run("import", "x")).toBe("first");
    expect(run("import")).toBe("");
    write("said.js", SAYS_OTHERWISE);
    expect(run("import", "x")).toBe("first");
  });

  test("is not kept of a run that failed, nor where it is not wanted", () => {
    expect(run("import", { CODE: "3" })).toBe("first");
    expect(run("import", { NODE_DISABLE_COMPILE_CACHE: "1" })).toBe("first");
    expect(existsSync(cache)).toBe(false);
    expect(run("import")).toBe("first");
    write("said.js", SAYS_OTHERWISE);
    expect(run("import", { NODE_DISABLE_COMPILE_CACHE: "1" })).toBe("other");
  });

  test("can be written by nobody else, and holds with other flags of V8", () => {
    execFileSync("sh", ["-c", 'umask 0; "$@"', "sh", process.execPath, join(root, "bundle/start.js"), "import"]);
    expect((statSync(cache).mode & 0o777).toString(8)).toBe("755");
    expect((statSync(join(cache, "import")).mode & 0o777).toString(8)).toBe("644");
    expect(run("import", { NODE_OPTIONS: "--stack-trace-limit=7 --max-old-space-size=99" })).toBe("first");
    expect(run("import", { NODE_OPTIONS: "--interpreted-frames-native-stack" })).toBe("first");
    expect(run("import")).toBe("first");
  });

  const size = () => statSync(join(cache, "import")).size;
  const spoil = (at: number) => {
    const bytes = readFileSync(join(cache, "import"));
    bytes[at] = (bytes[at] as number) ^ 0x10;
    writeFileSync(join(cache, "import"), bytes);
  };
  test.each<readonly [string, () => void]>([
    ["is empty", () => truncateSync(join(cache, "import"))],
    ["is cut", () => truncateSync(join(cache, "import"), size() - 100)],
    ["is zeros", () => writeFileSync(join(cache, "import"), Buffer.alloc(size()))],
    ["is something else", () => writeFileSync(join(cache, "import"), "something else")],
    ["has a wrong checksum", () => spoil(3)],
    ["has another head", () => spoil(20)],
    ["has a wrong bit", () => spoil(size() - 90)],
    ["was left by one who was killed", () => writeFileSync(join(cache, "import.new"), "half")],
  ])("that %s is made again", (_, harm) => {
    expect(run("import")).toBe("first");
    const whole = readFileSync(join(cache, "import"));
    harm();
    expect(run("import")).toBe("first");
    if (!existsSync(join(cache, "import.new"))) expect(readFileSync(join(cache, "import")).length).toBe(whole.length);
    write("said.js", SAYS_OTHERWISE);
    expect(run("import")).toBe("first");
    write("build-id", "two");
    expect(run("import")).toBe("other");
    expect(readdirSync(cache)).toEqual(["import"]);
  });

  test.each<readonly [string, () => void]>([
    ["a file is where its folder would be", () => writeFileSync(join(root, "code-cache"), "")],
    ["a folder is where it would be", () => mkdirSync(join(cache, "import"), { recursive: true })],
  ])("is done without where %s", (_, harm) => {
    harm();
    expect(run("import")).toBe("first");
    expect(run("import")).toBe("first");
    expect(readdirSync(root, { recursive: true }).filter((name) => `${name}`.endsWith(".new"))).toEqual([]);
  });

  test.skipIf(requires("root", "unshare").skip)("is done without on a full disk and on one that is only read", () => {
    mkdirSync(join(root, "code-cache"));
    write("said.js", `${SAYS} exports.more = "${"more ".repeat(5000)}";`);
    const start = join(root, "bundle/start.js");
    for (const options of ["size=8k,nr_inodes=9", "ro"]) {
      const script = `mount -t tmpfs -o ${options} none "$1" && "$2" "$3" import && find "$1" -type f`;
      const all = [script, "sh", join(root, "code-cache"), process.execPath, start];
      const { status, stdout } = spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", ...all], {
        encoding: "utf8",
      });
      expect([status, stdout]).toEqual([0, "first"]);
    }
  });
});

function write(name: string, text: string): void {
  writeFileSync(join(root, "bundle", name), text);
}

/** Runs it, expects that it ends as it was told to, and gives what it said. */
function run(...words: readonly (string | NodeJS.ProcessEnv)[]): string {
  const args = words.filter((word) => typeof word === "string");
  const env: NodeJS.ProcessEnv = Object.assign({}, ...words.filter((word) => typeof word !== "string"));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "bundle/start.js"), ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...env },
  });
  expect(stderr).toBe("");
  expect(status).toBe(Number(env["CODE"] ?? 0));
  return stdout;
}
