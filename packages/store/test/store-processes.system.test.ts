import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Digest } from "@base-kit/core";
import { afterEach, beforeEach, expect, test } from "vitest";
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

test("many writers of the same file all succeed, in one process and in several", async () => {
  const bytes = randomBytes(200_000);
  const digest = digestOf(bytes);
  const here = Array.from({ length: 8 }, () => context.store.put({ digest }, inChunks(bytes)));
  const input = join(context.dir, "input");
  writeFileSync(input, bytes);
  const there = Array.from({ length: 3 }, async () => {
    const child = fork(
      fileURLToPath(new URL("put-in-process.ts", import.meta.url)),
      [join(context.dir, "cache"), input, digest],
      {
        execArgv: ["--conditions=@base-kit/source", "--import", "tsx"],
        cwd: join(import.meta.dirname, "../../.."),
      },
    );
    const [code] = await once(child, "exit");
    return code as number;
  });
  expect(new Set(await Promise.all(here)).size).toBe(1);
  expect(await Promise.all(there)).toEqual([0, 0, 0]);
  expect(readFileSync((await context.store.get(digest)) ?? "").equals(bytes)).toBe(true);
  expect(readdirSync(join(context.dir, "cache", "incoming"))).toEqual([]);
});
