import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Digest } from "@base-kit/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { vendoredStore } from "../src/index.ts";
import { type TestContext, testContext } from "./in-context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.remove());

function digestOf(text: string): Digest {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** Puts a file where `text` would lie. */
function vendor(text: string, content = text): string {
  const hex = digestOf(text).slice("sha256:".length);
  const path = join(context.dir, "inputs", "sha256", hex.slice(0, 2), hex);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

test("what was copied is found, and the folder is only read", async () => {
  const path = vendor("one");
  const store = await vendoredStore(context.store, join(context.dir, "inputs"), context);
  expect(await store.get(digestOf("one"))).toBe(path);
  expect(await store.get(digestOf("two"))).toBeUndefined();
  await store.remember("key", Buffer.from("result"));
  expect(String(await store.recall("key"))).toBe("result");
  expect(readdirSync(join(context.dir, "inputs"))).toEqual(["sha256"]);
});

test("a damaged copy is told, left where it is, and not used; the cache may have a better one", async () => {
  const path = vendor("one", "another");
  const store = await vendoredStore(context.store, join(context.dir, "inputs"), context);
  expect(await store.get(digestOf("one"))).toBeUndefined();
  expect(existsSync(path)).toBe(true);
  expect(context.events).toMatchObject([{ type: "warned", code: "VENDOR_DAMAGED" }]);
  const kept = await context.store.put(
    { digest: digestOf("one") },
    (async function* () {
      yield Buffer.from("one");
    })(),
  );
  expect(await store.get(digestOf("one"))).toBe(kept);
});

test("a folder that is not there is wrong usage", async () => {
  await expect(vendoredStore(context.store, join(context.dir, "nowhere"), context)).rejects.toMatchObject({
    code: "VENDOR_MISSING",
    kind: "usage",
  });
});
