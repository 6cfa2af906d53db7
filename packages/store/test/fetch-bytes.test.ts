import { createHash, randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Fault, startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchBytesWithin } from "../src/fetch-bytes.ts";
import { fetchBytes } from "../src/index.ts";
import { createTries } from "../src/retry.ts";
import { type TestContext, testContext } from "./in-context.ts";

const content = randomBytes(300_000);
const LIMIT = 400_000;
const whole = { bytes: content, sha256: createHash("sha256").update(content).digest("hex") };

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.remove());

const fetchSoon = (url: string) => fetchBytesWithin(createTries(context, [1, 1, 1]), { url, limit: LIMIT }, context);

describe("a document", () => {
  test("is in memory and nowhere else", async () => {
    await using mirror = await startMirror({ list: content });
    expect(await fetchBytes({ url: `${mirror.url}list`, limit: LIMIT }, context)).toEqual(whole);
    expect(readdirSync(context.tempDir)).toEqual([]);
    expect(context.events.at(-1)).toMatchObject({ type: "step.ended", title: "fetch list" });
  });

  const cut: Fault = { cutAfter: 100_000, withLength: true };
  test.each([
    ["goes on", true],
    ["starts again, without what came before", false],
  ])("whose connection breaks %s", async (_, validators) => {
    await using mirror = await startMirror({ list: content }, { faults: { list: [cut] }, validators });
    expect(await fetchSoon(`${mirror.url}list`)).toEqual(whole);
    expect(mirror.requests).toHaveLength(2);
  });

  test("that does not end is left at its limit", async () => {
    await using mirror = await startMirror({ list: content }, { faults: { list: [{ endless: true }] } });
    await expect(fetchSoon(`${mirror.url}list`)).rejects.toMatchObject({
      code: "FETCH_WRONG_SIZE",
      message: `${mirror.url}list is longer than ${LIMIT} bytes`,
    });
  });
});

describe("a document in a folder", () => {
  const inFolder = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(context.dir, name), bytes);
    return pathToFileURL(join(context.dir, name)).href;
  };

  // Above a mebibyte it is read in pieces.
  test.each([0, 1, 300_000, 1024 ** 2, 1024 ** 2 + 1, 3_000_000])("of %i bytes is read whole", async (size) => {
    const bytes = randomBytes(size);
    const fetched = await fetchBytes({ url: inFolder("list", bytes), limit: 4_000_000 }, context);
    expect(fetched.bytes.equals(bytes)).toBe(true);
    expect(fetched.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("above its limit is refused", async () => {
    await expect(fetchBytes({ url: inFolder("list", content), limit: 1000 }, context)).rejects.toMatchObject({
      code: "FETCH_WRONG_SIZE",
    });
  });

  test.each([
    ["that is not there", "FILE_NOT_FOUND", "missing"],
    ["that is a folder", "FILE_UNREADABLE", "."],
  ])("%s is told", async (_, code, name) => {
    const url = pathToFileURL(join(context.dir, name)).href;
    await expect(fetchBytes({ url, limit: LIMIT }, context)).rejects.toMatchObject({ code, kind: "environment" });
  });
});
