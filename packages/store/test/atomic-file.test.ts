import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fillFileAtomically, writeFileAtomically } from "../src/index.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "atomic-test-"));
  path = join(dir, "output");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const chunks = [Buffer.from("new "), Buffer.alloc(0), Buffer.from("content")];

test("the file has the content, and nothing else is left", async () => {
  await writeFileAtomically(path, chunks);
  expect(readFileSync(path, "utf8")).toBe("new content");
  expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask());
  writeFileSync(path, "old content, which is longer");
  await writeFileAtomically(path, chunks);
  expect(readFileSync(path, "utf8")).toBe("new content");
  expect(readdirSync(dir)).toEqual(["output"]);
});

test("what a killed process has left beside it goes, what a running one writes stays", async () => {
  // Process ids end at 4194304 (proc_sys_kernel(5), pid_max).
  let own = "";
  await writeFileAtomically(path, chunks, {
    check: async (temporary) => {
      own = basename(temporary);
    },
  });
  const dead = own.replace(/tmp-\d+/, "tmp-99999999");
  const elsewhere = dead.replace(/-[0-9a-f]{8}-/, "-00000000-");
  for (const name of [own, dead, `other-${dead}`, elsewhere, `${dead}.mine`]) writeFileSync(join(dir, name), "half");
  await writeFileAtomically(path, chunks);
  expect(readdirSync(dir).sort()).toEqual(["output", own, elsewhere, `${dead}.mine`].sort());
});

test("while it is written, the old one is there", async () => {
  writeFileSync(path, "old");
  async function* slow() {
    for (const chunk of chunks) {
      expect(readFileSync(path, "utf8")).toBe("old");
      expect(readdirSync(dir)).toHaveLength(2);
      yield chunk;
    }
  }
  await writeFileAtomically(path, slow());
  expect(readFileSync(path, "utf8")).toBe("new content");
});

describe("the old file stays and nothing else is left when", () => {
  test("the source fails, whose error is thrown", async () => {
    writeFileSync(path, "old");
    const failure = new Error("broken");
    async function* failing() {
      yield Buffer.alloc(100_000);
      throw failure;
    }
    expect(await writeFileAtomically(path, failing()).catch((error) => error)).toBe(failure);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["output"]);
  });

  test("the target is a folder", async () => {
    mkdirSync(path);
    await expect(writeFileAtomically(path, chunks)).rejects.toMatchObject({
      code: "WRITE_FAILED",
      kind: "environment",
      message: expect.stringContaining(path),
      hint: expect.stringContaining("untouched"),
    });
    expect(readdirSync(dir)).toEqual(["output"]);
  });

  test("the target is a named pipe, or a link to what a program has open", async () => {
    execFileSync("mkfifo", [path]);
    await expect(writeFileAtomically(path, chunks)).rejects.toMatchObject({
      code: "WRITE_FAILED",
      message: expect.stringContaining("a named pipe is there"),
    });
    expect(statSync(path).isFIFO()).toBe(true);
    const link = join(dir, "stdout");
    symlinkSync("/proc/self/fd/1", link);
    await expect(fillFileAtomically(link, async () => {})).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect(readlinkSync(link)).toBe("/proc/self/fd/1");
    expect(readdirSync(dir).sort()).toEqual(["output", "stdout"]);
  });

  test("its folder does not exist", async () => {
    await expect(writeFileAtomically(join(dir, "no", "such"), chunks)).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect(readdirSync(dir)).toEqual([]);
  });
});
