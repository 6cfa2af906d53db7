import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BASE_KIT } from "./run-cli.ts";

/** A bundle of two modules in the place of ours, which prints what its second module says. */
let root: string;
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
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const SAYS = `exports.said = () => "first";`;
/** As long as the other: V8 itself would not see that it is another. */
const SAYS_OTHERWISE = SAYS.replace("first", "other");

describe("compiled code", () => {
  test("is kept for each command by itself, and taken as long as the text is the same", () => {
    expect(run("import", "x")).toBe("first");
    expect(run("--json")).toBe("first");
    expect(kept()).toEqual(["import", "other"]);
    const before = inode();
    expect(run("import", "y")).toBe("first");
    expect(inode()).toBe(before);
    write("said.js", SAYS_OTHERWISE);
    expect(run("import", "y")).toBe("other");
    expect(inode()).not.toBe(before);
    const after = inode();
    expect(run("import", "y")).toBe("other");
    expect(inode()).toBe(after);
  });

  test("grows by the modules that another run needs, and has none of another bundle", () => {
    write("main.js", `if (process.argv[3]) process.stdout.write(require("./said.js").said());`);
    const has = (name: string) => readFileSync(cache("import"), "latin1").includes(`"${name}"`);
    expect(run("import")).toBe("");
    expect(has("said.js")).toBe(false);
    expect(run("import", "x")).toBe("first");
    expect(has("said.js")).toBe(true);
    const before = inode();
    expect(run("import") + run("import", "x")).toBe("first");
    expect(inode()).toBe(before);
    renameSync(join(root, "bundle/said.js"), join(root, "bundle/told.js"));
    write("main.js", `if (process.argv[3]) process.stdout.write(require("./told.js").said());`);
    expect(run("import")).toBe("");
    expect(has("said.js")).toBe(false);
  });

  test("is not kept of a run that failed, nor where it is not wanted", () => {
    expect(run("import", { CODE: "3" })).toBe("first");
    expect(run("import", { NODE_DISABLE_COMPILE_CACHE: "1" })).toBe("first");
    expect(existsSync(join(root, "code-cache"))).toBe(false);
    expect(run("import")).toBe("first");
    const before = inode();
    write("said.js", SAYS_OTHERWISE);
    expect(run("import", { NODE_DISABLE_COMPILE_CACHE: "1" })).toBe("other");
    expect(inode()).toBe(before);
  });

  test("can be written by nobody else, and holds with other flags of V8", () => {
    execFileSync("sh", ["-c", 'umask 0; "$@"', "sh", process.execPath, join(root, "bundle/start.js"), "import"]);
    expect((statSync(dirname(cache("import"))).mode & 0o777).toString(8)).toBe("755");
    expect((statSync(cache("import")).mode & 0o777).toString(8)).toBe("644");
    expect(run("import", { NODE_OPTIONS: "--stack-trace-limit=7 --max-old-space-size=99" })).toBe("first");
    expect(run("import", { NODE_OPTIONS: "--interpreted-frames-native-stack" })).toBe("first");
    expect(run("import")).toBe("first");
  });

  test("is not that of another build of the same Node", () => {
    const node = join(root, "node");
    copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
    utimesSync(node, 1, 1);
    expect(run("import")).toBe("first");
    const before = inode();
    expect(execFileSync(node, [join(root, "bundle/start.js"), "import"], { encoding: "utf8" })).toBe("first");
    const folders = readdirSync(join(root, "code-cache"));
    expect(folders.map((name) => name.split("-")[0])).toEqual([process.version, process.version]);
    const inodes = folders.map((name) => statSync(join(root, "code-cache", name, "import")).ino);
    expect(inodes).toContain(before);
  });

  test.skipIf(requires("root").skip)("is not kept by another user than whose the program is", () => {
    chownSync(join(root, "bundle"), 1000, 1000);
    expect(run("import")).toBe("first");
    expect(existsSync(join(root, "code-cache"))).toBe(false);
  });

  const size = () => statSync(cache("import")).size;
  const spoil = (at: number) => {
    const bytes = readFileSync(cache("import"));
    bytes[at] = (bytes[at] as number) ^ 0x10;
    writeFileSync(cache("import"), bytes);
  };
  test.each<readonly [string, () => void]>([
    ["is empty", () => truncateSync(cache("import"))],
    ["is cut", () => truncateSync(cache("import"), size() - 100)],
    ["is zeros", () => writeFileSync(cache("import"), Buffer.alloc(size()))],
    ["is something else", () => writeFileSync(cache("import"), "something else")],
    [
      "is whole, but of another kind",
      () => writeFileSync(cache("import"), `${crc32("x\n").toString(16).padStart(8, "0")}x\n`),
    ],
    ["has a wrong checksum", () => spoil(3)],
    ["has another head", () => spoil(20)],
    ["has a wrong bit", () => spoil(size() - 90)],
    ["was left by one who was killed", () => writeFileSync(cache("import.new"), "half")],
  ])("that %s is made again", (_, harm) => {
    expect(run("import")).toBe("first");
    const whole = readFileSync(cache("import"));
    harm();
    expect(run("import")).toBe("first");
    expect(readFileSync(cache("import")).length).toBe(whole.length);
    write("said.js", SAYS_OTHERWISE);
    expect(run("import")).toBe("other");
    expect(kept()).toEqual(["import"]);
  });

  test.each<readonly [string, () => void]>([
    ["a file is where its folder would be", () => writeFileSync(join(root, "code-cache"), "")],
    [
      "a folder is where it would be",
      () => {
        run("import");
        rmSync(cache("import"));
        mkdirSync(cache("import"));
      },
    ],
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

test("a module that could not be loaded is not had in half", () => {
  write(
    "said.js",
    `exports.half = 1; if (!process.env.AGAIN) { process.env.AGAIN = 1; throw new Error("x"); } ${SAYS}`,
  );
  write("main.js", `try { require("./said.js"); } catch { process.stdout.write(require("./said.js").said()); }`);
  expect(run("import")).toBe("first");
});

/** What is kept, by the only Node. */
function kept(): readonly string[] {
  return readdirSync(cache("")).sort();
}

function cache(name: string): string {
  const [folder = ""] = readdirSync(join(root, "code-cache"));
  return join(root, "code-cache", folder, name);
}

function inode(): number {
  return statSync(cache("import")).ino;
}

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
