import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Event, Store } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheDir, defaultCacheDir } from "../src/cache-dir.ts";
import { createContext, removeTree } from "../src/index.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "context-test-"));
});
afterEach(() => removeTree(dir));

function recording() {
  const events: Event[] = [];
  const stores: string[] = [];
  const createStore = (path: string): Store => {
    stores.push(path);
    return { get: async () => undefined, put: async () => "", recall: async () => undefined, remember: async () => {} };
  };
  return { events, stores, createStore, reporter: { emit: (event: Event) => events.push(event) } };
}

describe("where the cache is", () => {
  test.each([
    [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, "linux", "/x/base-kit"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/h" }, "linux", "/h/.cache/base-kit"],
    [{ HOME: "/h" }, "linux", "/h/.cache/base-kit"],
    [{ HOME: "/h" }, "darwin", "/h/Library/Caches/base-kit"],
    [{}, "linux", undefined],
    [{ HOME: "" }, "linux", undefined],
  ] as const)("%o on %s: %s", (env, platform, expected) => {
    expect(defaultCacheDir(env, platform)).toBe(expected);
  });

  test.each([
    ["", "a name is missing"],
    ["DIR/file", "it is not a folder"],
    ["DIR/file/below/it", "DIR/file is not a folder"],
    ["DIR/link", "it is a link that leads nowhere"],
    ["DIR/link/below", "DIR/link is a link that leads nowhere"],
  ])("one that was asked for is no folder: %j", async (name, why) => {
    writeFileSync(join(dir, "file"), "");
    symlinkSync("none", join(dir, "link"));
    const here = (text: string) => text.replaceAll("DIR", dir);
    const refused = {
      code: "CACHE_DIR_UNUSABLE",
      kind: "usage",
      message: here(`the cache folder ${name === "" ? '""' : name} cannot be used: ${why}`),
    };
    await expect(createContext({ ...recording(), cacheDir: here(name) })).rejects.toMatchObject(refused);
    expect(() => cacheDir(here(name), {})).toThrow(expect.objectContaining(refused));
    expect(readdirSync(dir).sort()).toEqual(["file", "link"]);
  });

  test("one that was asked for cannot be made", async () => {
    const asked = { ...recording(), cacheDir: "/proc/base-kit" };
    await expect(createContext(asked)).rejects.toMatchObject({ code: "CACHE_DIR_UNUSABLE", kind: "environment" });
  });

  test.each([
    ["no HOME", {}],
    ["a file where HOME should be", { HOME: "/etc/hostname" }],
  ])("%s: the work goes on without a cache, with one warning", async (_, env) => {
    const { events, stores, ...options } = recording();
    const context = await createContext({ ...options, env: { ...env, TMPDIR: dir } });
    expect(events).toEqual([expect.objectContaining({ type: "warned", code: "NO_CACHE" })]);
    expect(stores).toEqual([join(context.tempDir, "cache")]);
    await context[Symbol.asyncDispose]();
  });
});

describe("the temporary directory", () => {
  test("is beside the cache, unless TMPDIR says otherwise, and is gone afterwards", async () => {
    const cacheDir = join(dir, "cache");
    const beside = await createContext({ ...recording(), cacheDir, env: {} });
    expect(beside.tempDir.startsWith(join(cacheDir, "tmp", "base-kit-"))).toBe(true);
    const elsewhere = await createContext({ ...recording(), cacheDir, env: { TMPDIR: join(dir, "t") } });
    expect(elsewhere.tempDir.startsWith(join(dir, "t", "base-kit-"))).toBe(true);
    mkdirSync(join(beside.tempDir, "tree"));
    chmodSync(join(beside.tempDir, "tree"), 0o500);
    for (const context of [beside, elsewhere]) {
      await context[Symbol.asyncDispose]();
      expect(existsSync(context.tempDir)).toBe(false);
    }
    expect(readdirSync(join(cacheDir, "tmp"))).toEqual([]);
  });

  test("that cannot be made is an error", async () => {
    await expect(
      createContext({ ...recording(), cacheDir: dir, env: { TMPDIR: "/etc/hostname/x" } }),
    ).rejects.toMatchObject({ code: "TEMP_DIR_UNUSABLE" });
  });
});

test("what still runs when it ends is stopped, and does not take that for a failure of the network", async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const context = await createContext({ ...recording(), cacheDir: dir });
  const { port } = server.address() as AddressInfo;
  const asked = once(server, "request");
  const outcomes = Promise.allSettled([
    context.fetch(`http://127.0.0.1:${port}/`),
    context.exec("sleep", ["60"], { signal: context.signal }),
    setTimeout(60_000, undefined, { signal: context.signal }),
  ]);
  await asked;
  await context[Symbol.asyncDispose]();
  const [fetched, ran, slept] = await outcomes;
  const ended = { code: "CONTEXT_ENDED", kind: "interrupted" };
  expect(fetched).toMatchObject({ status: "rejected", reason: ended });
  expect(ran).toMatchObject({ status: "rejected", reason: ended });
  expect(slept).toMatchObject({ status: "rejected", reason: { cause: ended } });
  server.close();
});

test("programs and clock work, and the signal reaches the programs", async () => {
  const controller = new AbortController();
  await using context = await createContext({ ...recording(), cacheDir: dir, signal: controller.signal });
  expect((await context.exec("echo", ["hi"])).stdout.toString()).toBe("hi\n");
  expect(Math.abs(context.clock.now() - Date.now() / 1000)).toBeLessThan(5);
  controller.abort(new Error("enough"));
  await expect(context.exec("echo", ["hi"])).rejects.toThrow("enough");
  await expect(context.fetch("http://127.0.0.1:1/")).rejects.toThrow("enough");
});
