import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Digest } from "@base-kit/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createStore } from "../src/index.ts";
import { type TestContext, testContext } from "./in-context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.remove());

const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function* inChunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All files below a folder, without the signs of running processes. */
function filesIn(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() && !entry.parentPath.endsWith("in-use") ? [entry.name] : [],
  );
}

function filePathsIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

describe("what was put", () => {
  test("is got back, whatever it is and however it came", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 999 }), async (bytes, size) => {
        const digest = digestOf(bytes);
        const path = await context.store.put({ digest, size: bytes.length }, inChunks(bytes, size));
        expect(await context.store.get(digest)).toBe(path);
        expect(readFileSync(path).equals(bytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("is there for another process, under its digest", async () => {
    const bytes = Buffer.from("content");
    await context.store.put({ digest: digestOf(bytes) }, inChunks(bytes));
    const other = createStore(join(context.dir, "cache"));
    const hex = digestOf(bytes).slice("sha256:".length);
    expect(await other.get(digestOf(bytes))).toBe(join(context.dir, "cache", "sha256", hex.slice(0, 2), hex));
  });

  test("and removed by somebody is fetched again: there is nothing", async () => {
    expect(await context.store.get(digestOf(Buffer.from("never seen")))).toBeUndefined();
  });
});

describe("bytes that are not what they should be", () => {
  const bytes = Buffer.from("the real content");
  test.each([
    ["other bytes", { digest: digestOf(Buffer.from("expected")) }],
    ["fewer than expected", { digest: digestOf(bytes), size: bytes.length + 1 }],
    ["more than expected", { digest: digestOf(bytes), size: bytes.length - 1 }],
  ])("%s are refused and leave nothing", async (_, expected) => {
    await expect(context.store.put(expected, inChunks(bytes))).rejects.toMatchObject({
      code: "STORE_MISMATCH",
      kind: "verification",
      message: expect.stringContaining("expected"),
    });
    expect(filesIn(context.dir)).toEqual([]);
  });

  test("that never end are stopped at the expected size", async () => {
    async function* endless() {
      for (;;) yield Buffer.alloc(1000);
    }
    const put = context.store.put({ digest: digestOf(bytes), size: 5000 }, endless());
    await expect(put).rejects.toMatchObject({ code: "STORE_MISMATCH" });
    expect(filesIn(context.dir)).toEqual([]);
  });

  test("a source that fails leaves nothing, and its error is thrown", async () => {
    const failure = new Error("gone");
    async function* failing() {
      yield bytes;
      throw failure;
    }
    expect(await context.store.put({ digest: digestOf(bytes) }, failing()).catch((error) => error)).toBe(failure);
    expect(filesIn(context.dir)).toEqual([]);
  });

  test.each([
    "",
    "sha256:abc",
    "sha256:../../../../etc/passwd",
    `sha512:${"0".repeat(64)}`,
    `sha256:${"A".repeat(64)}`,
  ])("%j is no digest", async (digest) => {
    await expect(context.store.get(digest as Digest)).rejects.toMatchObject({ code: "DIGEST_INVALID", kind: "usage" });
    const put = context.store.put({ digest: digest as Digest }, inChunks(bytes));
    await expect(put).rejects.toMatchObject({ code: "DIGEST_INVALID" });
  });
});

describe("a damaged file", () => {
  test.each([
    ["cut", (path: string) => truncateSync(path, 3)],
    ["changed", (path: string) => writeFileSync(path, "the Real content")],
    ["emptied", (path: string) => truncateSync(path, 0)],
  ])("that was %s is noticed, removed and told", async (_, damage) => {
    const bytes = Buffer.from("the real content");
    const path = await context.store.put({ digest: digestOf(bytes) }, inChunks(bytes));
    damage(path);
    expect(await context.store.get(digestOf(bytes))).toBeUndefined();
    expect(existsSync(path)).toBe(false);
    expect(context.events).toEqual([{ type: "noted", message: expect.stringContaining("damaged") }]);
    expect(await context.store.put({ digest: digestOf(bytes) }, inChunks(bytes))).toBe(path);
    expect(await context.store.get(digestOf(bytes))).toBe(path);
  });

  test("that became a folder is removed too", async () => {
    const digest = digestOf(Buffer.from("x"));
    const hex = digest.slice("sha256:".length);
    mkdirSync(join(context.dir, "cache", "sha256", hex.slice(0, 2), hex), { recursive: true });
    expect(await context.store.get(digest)).toBeUndefined();
    expect(await context.store.put({ digest }, inChunks(Buffer.from("x")))).toContain(hex);
  });
});

test("a half-written file of a killed process is removed, that of a running one is not", async () => {
  const incoming = join(context.dir, "cache", "incoming");
  const leases = join(context.dir, "cache", "in-use");
  for (const folder of [incoming, leases]) mkdirSync(folder, { recursive: true });
  const put = (folder: string, name: string, minutes: number) => {
    writeFileSync(join(folder, name), "half");
    utimesSync(join(folder, name), new Date(), new Date(Date.now() - minutes * 60_000));
  };
  put(leases, "100-00000000000a", 1);
  put(leases, "100-00000000000b", 6);
  put(incoming, "100-00000000000a-000000000001", 90);
  put(incoming, "100-00000000000b-000000000001", 6);
  put(incoming, "100-00000000000b-000000000002", 1);
  // Of somebody whose folder this is as well.
  put(incoming, "mine", 1000);
  const bytes = Buffer.from("x");
  await context.store.put({ digest: digestOf(bytes) }, inChunks(bytes));
  expect(readdirSync(incoming).sort()).toEqual([
    "100-00000000000a-000000000001",
    "100-00000000000b-000000000002",
    "mine",
  ]);
  expect(readdirSync(leases)).toContain("100-00000000000a");
  expect(readdirSync(leases)).not.toContain("100-00000000000b");
});

describe("results of work", () => {
  test("are got back under their key, whatever they are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.uint8Array({ maxLength: 2000 }), async (key, result) => {
        // No key of one case is the other key of another.
        await context.store.remember(`one ${key}`, result);
        expect((await context.store.recall(`one ${key}`))?.equals(result)).toBe(true);
        expect(await context.store.recall(`two ${key}`)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  test("are replaced by later ones", async () => {
    for (const text of ["one", "two"]) await context.store.remember("key", Buffer.from(text));
    expect(String(await context.store.recall("key"))).toBe("two");
  });

  test.each([
    ["cut", (path: string) => truncateSync(path, 40)],
    ["emptied", (path: string) => truncateSync(path, 0)],
    ["changed", (path: string) => writeFileSync(path, readFileSync(path, "latin1").replace("result", "Result"))],
    ["another's", (path: string, other: string) => writeFileSync(path, readFileSync(other))],
  ])("are forgotten when their file was %s", async (_, damage) => {
    await context.store.remember("other", Buffer.from("a result of something else"));
    const [other = ""] = filePathsIn(join(context.dir, "cache", "results"));
    await context.store.remember("key", Buffer.from("the result"));
    const [path = ""] = filePathsIn(join(context.dir, "cache", "results")).filter((each) => each !== other);
    damage(path, other);
    expect(await context.store.recall("key")).toBeUndefined();
    expect(existsSync(path)).toBe(false);
  });

  test("are made again where a folder has come in their place", async () => {
    await context.store.remember("key", Buffer.from("the result"));
    const [path = ""] = filePathsIn(join(context.dir, "cache", "results"));
    rmSync(path);
    mkdirSync(join(path, "deep"), { recursive: true });
    writeFileSync(join(path, "deep", "file"), "");
    expect(await context.store.recall("key")).toBeUndefined();
    await context.store.remember("key", Buffer.from("the result"));
    expect((await context.store.recall("key"))?.toString()).toBe("the result");
  });
});

test("a folder that cannot be made is named", async () => {
  writeFileSync(join(context.dir, "file"), "");
  const bytes = Buffer.from("x");
  const put = createStore(join(context.dir, "file", "cache")).put({ digest: digestOf(bytes) }, inChunks(bytes));
  await expect(put).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    kind: "environment",
    message: expect.stringContaining(join(context.dir, "file", "cache")),
  });
});
