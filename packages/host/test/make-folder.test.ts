import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeFolder } from "../src/make-folder.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "folder-test-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("a folder is made with those above it, and may be there already", () => {
  const path = join(dir, "a/b/c");
  makeFolder(path);
  makeFolder(path);
  expect(statSync(path).isDirectory()).toBe(true);
});

test("a file in the way is an error", () => {
  writeFileSync(join(dir, "file"), "");
  expect(() => makeFolder(join(dir, "file"))).toThrow("EEXIST");
  expect(() => makeFolder(join(dir, "file/a/b"))).toThrow("ENOTDIR");
});

test.skipIf(process.platform !== "linux")("a place where the kernel makes no folders is an error, not a loop", () => {
  expect(() => makeFolder("/proc/base-kit/cache")).toThrow("ENOENT");
});
