import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "@base-kit/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createStore, listStore, pruneStore } from "../src/index.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "prune-test-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const HOUR_MS = 3600_000;

/** A file of 1000 bytes, last used so many hours ago. */
async function keep(name: string, hoursAgo: number): Promise<string> {
  const bytes = Buffer.from(name.padEnd(1000, "."));
  const store = createStore(dir);
  const path = await store.put({ digest: digestOf(bytes) }, chunks(bytes));
  store.close();
  setUsed(path, hoursAgo);
  return path;
}

function setUsed(path: string, hoursAgo: number): void {
  const time = new Date(Date.now() - hoursAgo * HOUR_MS);
  utimesSync(path, time, time);
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test("what was not used for the longest time goes first, until the rest fits", async () => {
  const paths = [await keep("b", 2), await keep("c", 3), await keep("a", 1), await keep("d", 4)];
  expect((await listStore(dir)).map(({ size }) => size)).toEqual([1000, 1000, 1000, 1000]);
  expect(await pruneStore(dir, { maxSize: 2500 })).toEqual({
    removed: { items: 2, bytes: 2000 },
    kept: { items: 2, bytes: 2000 },
    inUse: 0,
  });
  expect(paths.map((path) => existsSync(path))).toEqual([true, false, true, false]);
  expect(await pruneStore(dir, { maxSize: 2500 })).toMatchObject({ removed: { items: 0, bytes: 0 } });
});

test("looking something up is using it", async () => {
  const [older, newer] = [await keep("older", 20), await keep("newer", 10)];
  const store = createStore(dir);
  expect(await store.get(digestOf(Buffer.from("older".padEnd(1000, "."))))).toBe(older);
  store.close();
  await pruneStore(dir, { maxSize: 1000 });
  expect([existsSync(older), existsSync(newer)]).toEqual([true, false]);
});

test("results go as files do", async () => {
  const file = await keep("file", 2);
  const store = createStore(dir);
  await store.remember("key", Buffer.alloc(968));
  store.close();
  expect((await listStore(dir)).map(({ kind, size }) => [kind, size])).toEqual([
    ["result", 1000],
    ["file", 1000],
  ]);
  await pruneStore(dir, { maxSize: 1000 });
  expect(existsSync(file)).toBe(false);
  expect(String(await store.recall("key"))).toHaveLength(968);
});

test("what somebody uses just now stays, and is told", async () => {
  const [used, unused] = [await keep("used", 20), await keep("unused", 10)];
  const other = createStore(dir);
  await other.get(digestOf(Buffer.from("used".padEnd(1000, "."))));
  expect(await pruneStore(dir, { maxSize: 0 })).toMatchObject({ kept: { items: 1, bytes: 1000 }, inUse: 1000 });
  expect([existsSync(used), existsSync(unused)]).toEqual([true, false]);
  await other.close();
  expect(await pruneStore(dir, { maxSize: 0 })).toMatchObject({ kept: { items: 0, bytes: 0 }, inUse: 0 });
  expect(readdirSync(join(dir, "in-use"))).toEqual([]);
});

test("what killed processes have left goes too; what is not the store's stays", async () => {
  await keep("x", 1);
  writeFileSync(join(dir, "incoming", "100-00000000000b-000000000001"), "half");
  setUsed(join(dir, "incoming", "100-00000000000b-000000000001"), 1);
  mkdirSync(join(dir, "tmp"));
  writeFileSync(join(dir, "sha256", "README"), "mine");
  mkdirSync(join(dir, "sha256", "ab", "0".repeat(64)), { recursive: true });
  expect(await pruneStore(dir, { maxSize: 0 })).toMatchObject({ removed: { items: 2, bytes: 1004 } });
  expect(readdirSync(join(dir, "incoming"))).toEqual([]);
  expect(existsSync(join(dir, "sha256", "README"))).toBe(true);
});

test("a folder that is not there, or holds nothing, is an empty store", async () => {
  const nothing = { removed: { items: 0, bytes: 0 }, kept: { items: 0, bytes: 0 }, inUse: 0 };
  expect(await pruneStore(join(dir, "missing"), { maxSize: 0 })).toEqual(nothing);
  expect(await listStore(dir)).toEqual([]);
});
