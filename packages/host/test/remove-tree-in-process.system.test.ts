import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createExec, removeTree } from "../src/index.ts";

const exec = createExec();
let parent: string;
let tree: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "remove-test-"));
  tree = join(parent, "tree");
  mkdirSync(tree);
});
afterEach(() => removeTree(parent));

test("removes files, links, FIFOs and nested directories, and nothing that links lead to", async () => {
  mkdirSync(join(parent, "outside"));
  writeFileSync(join(parent, "outside", "kept"), "");
  mkdirSync(join(tree, "a", "b", "c"), { recursive: true });
  writeFileSync(join(tree, "a", "file"), "x");
  symlinkSync(join(parent, "outside"), join(tree, "a", "to-outside"));
  symlinkSync("/nowhere", join(tree, "a", "b", "broken"));
  await exec("mkfifo", [join(tree, "a", "fifo")]);
  removeTree(tree);
  expect(readdirSync(parent)).toEqual(["outside"]);
  expect(readdirSync(join(parent, "outside"))).toEqual(["kept"]);
});

test("removes a link itself, a file, and what is not there", () => {
  symlinkSync(tree, join(parent, "link"));
  removeTree(join(parent, "link"));
  expect(existsSync(tree)).toBe(true);
  writeFileSync(join(parent, "file"), "");
  removeTree(join(parent, "file"));
  removeTree(join(parent, "missing"));
  expect(readdirSync(parent)).toEqual(["tree"]);
});

test("removes read-only directories", async () => {
  mkdirSync(join(tree, "locked", "inner"), { recursive: true });
  writeFileSync(join(tree, "locked", "inner", "file"), "");
  chmodSync(join(tree, "locked", "inner"), 0o000);
  chmodSync(join(tree, "locked"), 0o555);
  chmodSync(tree, 0o500);
  if (process.getuid?.() !== 0) return removeTree(tree);
  // Permissions do not stop root: another user has to try.
  await exec("chown", ["-R", "65534:65534", parent]);
  const module = JSON.stringify(new URL("../src/remove-tree.ts", import.meta.url).href);
  const script = `const { removeTree } = await import(${module}); process.setuid(65534); removeTree(process.argv[1]);`;
  await exec(
    process.execPath,
    ["--import", "tsx", "--conditions", "@base-kit/source", "--input-type=module", "-e", script, tree],
    { cwd: fileURLToPath(new URL("../../..", import.meta.url)) },
  );
  expect(existsSync(tree)).toBe(false);
});

test("removes a tree that is 3000 levels deep", () => {
  // Built from the inside out: a path to the bottom would be too long.
  let inner = join(parent, "level");
  mkdirSync(inner);
  writeFileSync(join(inner, "bottom"), "");
  for (let depth = 0; depth < 3000; depth++) {
    const outer = join(parent, `outer-${depth % 2}`);
    mkdirSync(outer);
    renameSync(inner, join(outer, "a-directory-name"));
    inner = outer;
  }
  rmdirSync(tree);
  renameSync(inner, tree);
  removeTree(tree);
  expect(readdirSync(parent)).toEqual([]);
});

test("removes names that are not UTF-8 and would be the same text", () => {
  for (const byte of [0xe9, 0xff]) {
    const name = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x61, byte])]);
    mkdirSync(name);
    writeFileSync(Buffer.concat([name, Buffer.from("/x"), Buffer.from([byte])]), "");
  }
  removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});

test("says what could not be removed", () => {
  expect(() => removeTree("/proc/self/fd")).toThrowError(
    expect.objectContaining({ code: "REMOVE_FAILED", kind: "environment" }),
  );
  expect(lstatSync("/proc/self/fd").isDirectory()).toBe(true);
});
