import { randomFillSync } from "node:crypto";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { followFile } from "../src/follow-file.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  file = join(folder, "spool");
  writeFileSync(file, "");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what is settled is read, and no more, while another file takes the name", async () => {
  const followed = followFile(file);
  const bytes = followed.bytes();
  appendFileSync(file, "one, two and more");
  followed.advance(3);
  expect((await bytes.next()).value?.toString()).toBe("one");
  const waiting = bytes.next();
  writeFileSync(`${file}.new`, "one, TWO");
  renameSync(`${file}.new`, file);
  followed.advance(5);
  expect((await waiting).value?.toString()).toBe(", TWO");
  const end = bytes.next();
  followed.end();
  expect(await end).toEqual({ done: true, value: undefined });
});

test("it comes whole, also to a reader who starts late", async () => {
  const followed = followFile(file);
  const whole = randomFillSync(Buffer.alloc(3.5 * 2 ** 20));
  writeFileSync(file, whole);
  followed.advance(whole.length);
  followed.end();
  const parts: Buffer[] = [];
  // A chunk is as it was when the next one is there, and its memory serves again after that.
  const memory = new Set<ArrayBufferLike>();
  let before: Buffer | undefined;
  for await (const part of followed.bytes()) {
    if (before !== undefined) parts.push(Buffer.from(before));
    memory.add(part.buffer);
    before = part;
  }
  expect(before && Buffer.concat([...parts, before]).equals(whole)).toBe(true);
  expect([parts.length > 2, memory.size]).toEqual([true, 2]);
});

test("it fails with what ended the writer, whatever has been read", async () => {
  const followed = followFile(file);
  const bytes = followed.bytes();
  const waiting = bytes.next();
  followed.end(new Error("the disk is full"));
  await expect(waiting).rejects.toThrow("the disk is full");
});
