import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";

const NOON = 1_600_000_000;
const NAMES = ["a", "a-b", "a.b", "Ä", "z", "with space", "new\nline", "-rf"];

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

/** The same tree, its files made in another order, so that inodes and the folder's own order differ. */
function makeTree(name: string, order: readonly string[] = NAMES): string {
  const dir = sandbox.work(name);
  mkdirSync(dir);
  for (const each of order) {
    mkdirSync(join(dir, each));
    writeFileSync(join(dir, each, "file"), each.repeat(300));
  }
  linkSync(join(dir, "a/file"), join(dir, "z/again"));
  symlinkSync("../a/file", join(dir, "z/link"));
  chmodSync(join(dir, "a.b/file"), 0o4711);
  if (process.getuid?.() === 0) chownSync(join(dir, "a-b"), 1234, 300_000);
  execFileSync("find", [dir, "-exec", "touch", "--no-dereference", `--date=@${NOON}`, "{}", "+"]);
  return dir;
}

describe.skipIf(requires("tar").skip)("base-kit pack", () => {
  test("gives the same bytes whatever the umask, time zone, locale, folder and order on disk", async () => {
    makeTree("one");
    makeTree("two", NAMES.toReversed());
    const umask = (mask: string) => ["sh", "-c", `umask ${mask} && exec "$@"`, "sh"];
    const first = await sandbox.run(["pack", "one", "one.tar"]);
    expect(first).toMatchObject({ exitCode: 0 });
    const elsewhere = { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", HOME: "/" };
    await sandbox.run(["pack", "two", "two.tar"], { env: elsewhere, through: umask("077") });
    await sandbox.run(["pack", ".", "../three.tar"], { cwd: sandbox.work("two"), env: { LC_ALL: "C" } });
    const one = readFileSync(sandbox.work("one.tar"));
    expect(readFileSync(sandbox.work("two.tar")).equals(one)).toBe(true);
    expect(readFileSync(sandbox.work("three.tar")).equals(one)).toBe(true);
    expect(first.stdout).toMatch(/^sha256:[0-9a-f]{64} {2}one\.tar\n$/);
    expect(spawnSync("sha256sum", [sandbox.work("one.tar")]).stdout.toString()).toContain(first.stdout.slice(7, 71));
  });

  test("unpacks to the tree it read, and lists it in the order of GNU tar", async () => {
    const dir = makeTree("tree");
    expect(await sandbox.run(["pack", dir, "tree.tar"])).toMatchObject({ exitCode: 0, stderr: expect.any(String) });
    const gnu = execFileSync("tar", ["--sort=name", "-C", dir, "-cf", "-", "."]);
    const list = (input: Buffer) => execFileSync("tar", ["-tf", "-"], { input }).toString();
    // GNU tar writes names as they were given to it.
    expect(list(readFileSync(sandbox.work("tree.tar")))).toBe(list(gnu).replace(/^\.\/(?=.)/gm, ""));
    const unpacked = sandbox.work("unpacked");
    mkdirSync(unpacked);
    execFileSync("tar", ["-C", unpacked, "--same-permissions", "-xf", sandbox.work("tree.tar")]);
    expect(listTree(unpacked)).toBe(listTree(dir));
  });

  test("writes to standard output and compresses what is named so", async () => {
    makeTree("tree");
    await sandbox.run(["pack", "tree", "plain.tar"]);
    await sandbox.run(["pack", "tree", "small.tar.gz"]);
    const piped = await sandbox.run(["pack", "tree", "-"]);
    const plain = readFileSync(sandbox.work("plain.tar"));
    expect(piped.bytes.equals(plain)).toBe(true);
    expect(gunzipSync(readFileSync(sandbox.work("small.tar.gz"))).equals(plain)).toBe(true);
    execFileSync("gzip", ["--test", sandbox.work("small.tar.gz")]);
    await sandbox.json(["import", "tree", "-o", "tar:layer.tgz", "-o", "tar:layer.tar"]);
    expect(gunzipSync(readFileSync(sandbox.work("layer.tgz"))).equals(readFileSync(sandbox.work("layer.tar")))).toBe(
      true,
    );
    const both = await sandbox.run(["pack", "tree", "-", "--json"]);
    expect(both).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("[STDOUT_TWICE]") });
  });

  test("does not pack the file it writes, nor an older one of that name", async () => {
    const dir = makeTree("tree");
    // Writing into a folder changes its time.
    const epoch = ["--source-date-epoch", String(NOON)];
    await sandbox.run(["pack", "tree", "outside.tar", ...epoch]);
    for (let times = 0; times < 2; times++) {
      await sandbox.run(["pack", ".", "inside.tar", ...epoch], { cwd: dir });
      expect(readFileSync(join(dir, "inside.tar")).equals(readFileSync(sandbox.work("outside.tar")))).toBe(true);
    }
    symlinkSync("tree/inside.tar", sandbox.work("link.tar"));
    symlinkSync("tree", sandbox.work("folder"));
    for (const output of ["link.tar", "folder/inside.tar"]) {
      await sandbox.run(["pack", "tree", output, ...epoch]);
      expect(readFileSync(join(dir, "inside.tar")).equals(readFileSync(sandbox.work("outside.tar")))).toBe(true);
    }
    expect(readlinkSync(sandbox.work("link.tar"))).toBe("tree/inside.tar");
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("does not pack the links by which its file is reached, but any other", async () => {
    const dir = makeTree("tree");
    const epoch = ["--source-date-epoch", String(NOON)];
    symlinkSync("../data[1]/file.tar", join(dir, "a/other"));
    mkdirSync(join(dir, "data[1]"));
    await sandbox.run(["pack", "tree", "outside.tar", ...epoch]);
    symlinkSync("tree/first", sandbox.work("start"));
    symlinkSync("a/../z/second*", join(dir, "first"));
    symlinkSync(join(dir, "third"), join(dir, "z/second*"));
    symlinkSync("data[1]/file.tar", join(dir, "third"));
    for (const output of ["tree/first", "start"]) {
      expect(await sandbox.run(["pack", "tree", output, ...epoch])).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(dir, "data[1]/file.tar")).equals(readFileSync(sandbox.work("outside.tar")))).toBe(true);
    }
    await sandbox.run(["pack", "tree", "tree/third"]);
    const listed = execFileSync("tar", ["-tf", join(dir, "data[1]/file.tar")])
      .toString()
      .split("\n");
    expect(listed).toEqual(expect.arrayContaining(["a/other", "first", "z/second*", "data[1]/"]));
    expect(listed.filter((name) => /^third|file\.tar/.test(name))).toEqual([]);
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("leaves out what is excluded, and times after the epoch", async () => {
    makeTree("tree");
    const args = ["--path-exclude", "/a*/file", "--path-include", "/a.b/*", "--source-date-epoch", "1000"];
    expect(await sandbox.run(["pack", "tree", "less.tar", ...args])).toMatchObject({ exitCode: 0 });
    const listed = execFileSync("tar", [
      "-tvf",
      sandbox.work("less.tar"),
      "--quoting-style=escape",
      "--utc",
    ]).toString();
    const paths = listed
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(/ \d\d:\d\d /)[1]);
    expect(paths).toContain("a.b/file");
    expect(paths).not.toContain("a/file");
    expect(paths).not.toContain("a-b/file");
    // Its first name is gone, so the other one has the content.
    expect(listed).toMatch(/^-rw-r--r-- .* 300 1970-01-01 00:16 z\/again$/m);
  });

  test.each(["pack", "import"])("%s refuses what would leave out nothing", async (command) => {
    makeTree("tree");
    const to = command === "pack" ? ["x.tar"] : ["-o", "tar:x.tar"];
    expect(await sandbox.run([command, "tree", ...to, "--path-exclude", "a"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--path-exclude a is refused"),
    });
    expect(readdirSync(sandbox.work(""))).toEqual(["tree"]);
  });

  test("names a file it may not read, and leaves the old tar as it was", async () => {
    const dir = makeTree("tree");
    writeFileSync(sandbox.work("old.tar"), "old");
    writeFileSync(join(dir, "secret"), "x", { mode: 0 });
    const outcome = await sandbox.run(["pack", "tree", "old.tar"], { through: WITHOUT_CAPABILITIES });
    expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
    expect(outcome.stderr).toContain("secret: Cannot open: Permission denied");
    expect(outcome.stderr).toContain("[DIRECTORY_UNREADABLE]");
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
    expect(readdirSync(sandbox.work("")).sort()).toEqual(["old.tar", "tree"]);
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("follows a link to a folder when its name ends with a slash", async () => {
    makeTree("tree");
    symlinkSync("tree", sandbox.work("link"));
    const pack = (dir: string) => sandbox.run(["pack", dir, "-"]);
    expect((await pack("link/")).bytes.equals((await pack("tree")).bytes)).toBe(true);
    for (const command of ["pack", "import"]) {
      const outcome = await sandbox.run([command, "link", ...(command === "pack" ? ["x.tar"] : ["-o", "tar:x.tar"])]);
      expect(outcome).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("add a slash") });
    }
  });

  test("refuses a name that promises another compression", async () => {
    makeTree("tree");
    for (const args of [
      ["pack", "tree", "x.tar.xz"],
      ["import", "tree", "-o", "tar:x.tar.xz"],
    ]) {
      const outcome = await sandbox.run(args);
      expect(outcome).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringContaining("[TAR_FILE_COMPRESSION]"),
      });
    }
    expect(readdirSync(sandbox.work(""))).toEqual(["tree"]);
  });

  test.each([
    ["no-such-folder", "DIRECTORY_MISSING", "there is nothing of that name (ENOENT)"],
    ["none/folder", "DIRECTORY_MISSING", "there is no folder none (ENOENT)"],
    ["file/folder", "DIRECTORY_MISSING", "file is not a folder (ENOTDIR)"],
    ["file", "DIRECTORY_NOT_ONE", "file is not a directory"],
    ["link", "DIRECTORY_NOT_ONE", "link is not a directory"],
  ])("refuses %s", async (name, code, why) => {
    writeFileSync(sandbox.work("file"), "");
    symlinkSync(".", sandbox.work("link"));
    const outcome = await sandbox.run(["pack", name, "x.tar"]);
    expect(outcome).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(`${why} [${code}]`) });
    expect(outcome.stderr).toContain("Nothing was written.");
    expect(readdirSync(sandbox.work("")).sort()).toEqual(["file", "link"]);
  });

  test("refuses a folder that may not be reached as a matter of this machine", async () => {
    mkdirSync(sandbox.work("shut"), { mode: 0 });
    const outcome = await sandbox.run(["pack", "shut/tree", "x.tar"], { through: WITHOUT_CAPABILITIES });
    expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
    expect(outcome.stderr).toContain("you may not enter the folder shut (EACCES) [DIRECTORY_UNREADABLE]");
  });
});
