import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { type Digest, isBaseKitError } from "@base-kit/core";
import { startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FileSource, fetchFiles } from "../src/index.ts";
import { type TestContext, testContext } from "./in-context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.remove());

const TITLE = { title: "fetching packages" };
const contents = Array.from({ length: 40 }, (_, index) => randomBytes(1000 + index));
const served = Object.fromEntries(contents.map((bytes, index) => [`pool/${index}.deb`, bytes]));

function sourcesAt(url: string): readonly FileSource[] {
  return contents.map((bytes, index) => ({
    url: `${url}pool/${index}.deb`,
    digest: digestOf(bytes),
    size: bytes.length,
  }));
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

describe("many files", () => {
  test("come in the order they were asked for, and are each told as they come", async () => {
    await using mirror = await startMirror(served);
    const told: number[] = [];
    const files = await fetchFiles(sourcesAt(mirror.url), context, {
      ...TITLE,
      onFile: (file, index) => {
        expect(file.size).toBe(contents[index]?.length);
        told.push(index);
      },
    });
    for (const [index, { path }] of files.entries()) {
      expect(readFileSync(path).equals(contents[index] as Buffer)).toBe(true);
    }
    expect(told.sort((a, b) => a - b)).toEqual([...contents.keys()]);
  });

  test("are one step, whose progress is that of all of them together", async () => {
    await using mirror = await startMirror(served);
    await fetchFiles(sourcesAt(mirror.url), context, TITLE);
    const total = contents.reduce((sum, { length }) => sum + length, 0);
    const progress = context.events.filter((event) => event.type === "step.progressed");
    expect(progress.at(-1)).toMatchObject({ done: total, total, unit: "bytes" });
    expect(context.events.filter((event) => event.type === "step.started")).toHaveLength(1);
    expect(context.events.at(-1)).toMatchObject({ title: "fetching packages", outcome: "done", detail: "40 files" });
  });

  test("are asked for eight at a time", async () => {
    const held: (() => void)[] = [];
    let most = 0;
    // Nobody is answered before the eighth has asked.
    await using mirror = await startMirror((request, response) => {
      held.push(() => response.end(served[(request.url ?? "").slice(1)]));
      most = Math.max(most, held.length);
      if (held.length === 8) for (const answer of held.splice(0)) answer();
    });
    await fetchFiles(sourcesAt(mirror.url), context, TITLE);
    expect(most).toBe(8);
  });

  test("that are in the store are not asked for; damaged ones are", async () => {
    await using mirror = await startMirror(served);
    const files = await fetchFiles(sourcesAt(mirror.url).slice(0, 30), context, TITLE);
    writeFileSync(files[7]?.path ?? "", "damaged");
    await fetchFiles(sourcesAt(mirror.url), context, TITLE);
    expect(mirror.requests).toHaveLength(30 + 10 + 1);
    expect(context.events.at(-1)).toMatchObject({ detail: "40 files, 29 of them cached" });
    await fetchFiles(sourcesAt(mirror.url), context, TITLE);
    expect(mirror.requests).toHaveLength(41);
    expect(context.events.at(-1)).toMatchObject({ detail: "40 files, cached" });
  });

  test("that are not in their first place come from another one, which is told", async () => {
    const { "pool/5.deb": moved, "pool/6.deb": damaged, ...rest } = served;
    await using first = await startMirror(rest);
    await using second = await startMirror({
      "pool/5.deb": moved as Buffer,
      "pool/6.deb": Buffer.alloc(1006),
    });
    await using third = await startMirror({ "pool/6.deb": damaged as Buffer });
    const sources = sourcesAt(first.url).map((source, index) => ({
      ...source,
      elsewhere: async () => [second.url, third.url].map((url) => `${url}pool/${index}.deb`),
    }));
    const files = await fetchFiles(sources, context, TITLE);
    expect([5, 6].map((index) => readFileSync(files[index]?.path ?? "").equals(contents[index] as Buffer))).toEqual([
      true,
      true,
    ]);
    expect(second.requests.map(({ path }) => path).sort()).toEqual(["pool/5.deb", "pool/6.deb"]);
    const noted = context.events.flatMap((event) => (event.type === "noted" ? [event.message] : []));
    expect(noted.sort()).toEqual([
      `${first.url}pool/5.deb does not exist; the same file was found at ${second.url}pool/5.deb`,
      `${first.url}pool/6.deb does not exist; the same file was found at ${third.url}pool/6.deb`,
    ]);
  });

  test("may be none", async () => {
    expect(await fetchFiles([], context, TITLE)).toEqual([]);
  });
});

describe("what goes wrong with one of many", () => {
  test("all that do not exist are named together, and the others are kept", async () => {
    const { "pool/5.deb": _, "pool/6.deb": __, ...rest } = served;
    await using mirror = await startMirror(rest);
    const error = await fetchFiles(sourcesAt(mirror.url), context, TITLE).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "FETCH_NOT_FOUND", kind: "network" });
    expect(String(error)).toMatch(/2 files cannot be had:\n.*pool\/5\.deb.*\n.*pool\/6\.deb/);
    expect(await context.store.get(digestOf(contents[39] as Buffer))).toBeDefined();
  });

  test("all that a folder of this machine does not have are named together, too", async () => {
    const sources = ["one", "two"].map((name) => ({ url: `file:///no/such/${name}.apk` }));
    const error = await fetchFiles(sources, context, TITLE).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "FILE_NOT_FOUND", kind: "environment" });
    expect(String(error)).toMatch(/2 files cannot be had:\n.*one\.apk.*\n.*two\.apk/);
  });

  test("a host that is silent when it is asked for what is missing is asked once, and what is missing told", async () => {
    await using first = await startMirror({});
    let asked = 0;
    await using silent = await startMirror((request) => {
      asked += 1;
      request.socket.destroy();
    });
    const sources = sourcesAt(first.url).map((source) => ({ ...source, elsewhere: async () => [`${silent.url}x`] }));
    const error = await fetchFiles(sources, context, TITLE).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "FETCH_NOT_FOUND" });
    expect(String(error)).toContain(`40 files cannot be had:\n  ${first.url}pool/0.deb does not exist`);
    // Those that were under way at the same time.
    expect(asked).toBeLessThanOrEqual(8);
  });

  test("a wrong one ends the rest", async () => {
    await using mirror = await startMirror({ ...served, "pool/0.deb": Buffer.alloc(1000) });
    const error = await fetchFiles(sourcesAt(mirror.url), context, TITLE).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "FETCH_MISMATCH", message: expect.stringContaining("pool/0.deb") });
    expect(mirror.requests.length).toBeLessThan(40);
    expect(context.events.at(-1)).toMatchObject({ outcome: "failed" });
  });

  test("a taker that throws ends the rest", async () => {
    await using mirror = await startMirror(served);
    const failure = new Error("cannot read it");
    const onFile = () => {
      throw failure;
    };
    await expect(fetchFiles(sourcesAt(mirror.url), context, { ...TITLE, onFile })).rejects.toBe(failure);
    expect(mirror.requests.length).toBeLessThan(20);
  });

  test("an abort ends them all with its reason", async () => {
    const controller = new AbortController();
    const aborted = testContext({ signal: controller.signal });
    await using mirror = await startMirror(() => controller.abort(new Error("enough")));
    const error = await fetchFiles(sourcesAt(mirror.url), aborted, TITLE).catch((thrown: unknown) => thrown);
    expect(isBaseKitError(error)).toBe(false);
    expect(error).toMatchObject({ message: "enough" });
    aborted.remove();
  });
});
