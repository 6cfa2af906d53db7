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
