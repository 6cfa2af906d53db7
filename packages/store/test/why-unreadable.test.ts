import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyUnreadable } from "@base-kit/store";
import { afterEach, beforeEach, expect, test } from "vitest";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "why-unreadable-"));
  mkdirSync(join(dir, "folder"));
  writeFileSync(join(dir, "file"), "");
  symlinkSync("no\u001b[31mwhere", join(dir, "dangling"));
  symlinkSync("round", join(dir, "round"));
  symlinkSync("file/below", join(dir, "through"));
  symlinkSync("folder", join(dir, "link"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function why(path: string): string {
  try {
    statSync(path);
  } catch (error) {
    return whyUnreadable(path, error);
  }
  throw new Error(`${path} is there`);
}

test.each([
  ["missing", "there is nothing of that name (ENOENT)"],
  ["missing/", "there is nothing of that name (ENOENT)"],
  ["folder/none/file", "there is no folder DIR/folder/none (ENOENT)"],
  ["link/../none/file", "there is no folder DIR/link/../none (ENOENT)"],
  ["folder/\u001b[31m/file", String.raw`there is no folder "DIR/folder/\x1b[31m" (ENOENT)`],
  ["file/", "DIR/file is not a folder (ENOTDIR)"],
  ["file/below/it", "DIR/file is not a folder (ENOTDIR)"],
  ["dangling", String.raw`DIR/dangling is a link to "no\x1b[31mwhere", which is not there (ENOENT)`],
  ["dangling/file", String.raw`DIR/dangling is a link to "no\x1b[31mwhere", which is not there (ENOENT)`],
  ["through", "DIR/through is a link to file/below, where a part of the path is not a folder (ENOTDIR)"],
  ["round", "DIR/round is a link to round, from where no end is reached (ELOOP)"],
  ["round/file", "DIR/round is a link to round, from where no end is reached (ELOOP)"],
  ["x".repeat(300), "a name is longer than the file system allows (ENAMETOOLONG)"],
])("%j", (name, expected) => {
  expect(why(`${dir}/${name}`).replaceAll(dir, "DIR")).toBe(expected);
});

test("what is there by now, or fails in another way, is told as the system tells it", () => {
  const failing = (code: string) => whyUnreadable(join(dir, "file"), Object.assign(new Error("x"), { code }));
  expect(failing("ENOENT")).toBe("there is no such file or directory (ENOENT)");
  expect(failing("EACCES")).toBe("permission denied (EACCES)");
  expect(failing("ESTALE")).toBe("ESTALE");
  expect(whyUnreadable(join(dir, "file"), new Error("torn"))).toBe("torn");
});

test("an empty name", () => {
  expect(why("")).toBe("there is no such file or directory (ENOENT)");
});
