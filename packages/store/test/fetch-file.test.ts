import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BaseKitError, type Digest, isBaseKitError } from "@base-kit/core";
import { type Fault, type Mirror, startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FetchedFile, type FileSource, fetchWithin } from "../src/fetch-file.ts";
import { fetchFile } from "../src/index.ts";
import { createTries } from "../src/retry.ts";
import { type TestContext, testContext } from "./in-context.ts";

const content = randomBytes(300_000);
const other = randomBytes(300_000);
const hash = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest("hex");
const digest: Digest = `sha256:${hash("sha256", content)}`;
const known = { digest, size: content.length };

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.remove());

/** Four tries without the waiting between them. */
function fetchSoon(source: FileSource, within = context): Promise<FetchedFile> {
  return fetchWithin(createTries(within, [1, 1, 1]), source, within);
}

async function failure(work: Promise<unknown>): Promise<BaseKitError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isBaseKitError(error)) throw new Error(`expected a BaseKitError, got ${String(error)}`);
  return error;
}

/** What the requests asked for. Of a cut answer, what the system had not handed over yet is lost: where it goes on varies. */
function parts(requests: Mirror["requests"]): string[] {
  return requests.map(({ headers }) => (/^bytes=[1-9]\d*-$/.test(String(headers["range"])) ? "rest" : "whole"));
}

const messages = () => context.events.flatMap((event) => (event.type === "noted" ? [event.message] : []));

describe("a file of known digest", () => {
  test("comes from the server once, and then from the store", async () => {
    await using mirror = await startMirror({ file: content });
    const sha512 = hash("sha512", content);
    const first = await fetchSoon({ url: `${mirror.url}file`, ...known, sha512 });
    expect(first).toEqual({ path: expect.any(String), size: content.length, sha256: hash("sha256", content) });
    expect(readFileSync(first.path).equals(content)).toBe(true);
    expect(await fetchSoon({ url: new URL("file", mirror.url), ...known, sha512 })).toEqual(first);
    expect(mirror.requests).toHaveLength(1);
    expect(context.events.at(-1)).toMatchObject({ type: "step.ended", title: "fetch file", detail: "cached" });
  });

  test("is compared with every other sha512 that somebody expects, also when it was compared before", async () => {
    await using mirror = await startMirror({ file: content });
    const source = { url: `${mirror.url}file`, ...known };
    const right = { ...source, sha512: hash("sha512", content) };
    for (let time = 0; time < 3; time++) await fetchSoon(right);
    const wrong = { ...source, sha512: hash("sha512", Buffer.from("other")) };
    for (let time = 0; time < 2; time++)
      expect(await failure(fetchSoon(wrong))).toMatchObject({ code: "FETCH_MISMATCH", kind: "verification" });
    expect((await fetchSoon(right)).size).toBe(content.length);
    expect(mirror.requests).toHaveLength(1);
  });

  test("whose copy in the store was damaged is fetched again, with a note", async () => {
    await using mirror = await startMirror({ file: content });
    const { path } = await fetchSoon({ url: `${mirror.url}file`, ...known });
    writeFileSync(path, "damaged");
    expect((await fetchSoon({ url: `${mirror.url}file`, ...known })).path).toBe(path);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(mirror.requests).toHaveLength(2);
    expect(messages()).toEqual([expect.stringContaining("damaged")]);
  });

  test.each([
    ["digest", { digest: `sha256:${"0".repeat(64)}` as Digest }, "FETCH_MISMATCH"],
    ["sha512", { sha512: "0".repeat(128) }, "FETCH_MISMATCH"],
    ["size, too small", { size: content.length - 1 }, "FETCH_WRONG_SIZE"],
    ["size, too large", { size: content.length + 1 }, "FETCH_WRONG_SIZE"],
  ])(
    "of another %s is refused: expected and found are told, nothing is kept, no second try",
    async (_, wrong, code) => {
      await using mirror = await startMirror({ file: content });
      const error = await failure(fetchSoon({ url: `${mirror.url}file`, ...known, ...wrong }));
      expect(error).toMatchObject({ code, kind: "verification" });
      const [[name, value] = ["", ""]] = Object.entries(wrong);
      expect(error.message).toContain(String(value));
      expect(error.message).toContain(
        name === "size" ? String(content.length) : hash(name === "sha512" ? "sha512" : "sha256", content),
      );
      expect(error.message).toContain(`${mirror.url}file`);
      expect(mirror.requests).toHaveLength(1);
      expect(await context.store.get(digest)).toBeUndefined();
      // Also when the right bytes are in the store already.
      await fetchSoon({ url: `${mirror.url}file`, ...known });
      if (!("digest" in wrong))
        expect(await failure(fetchSoon({ url: `${mirror.url}file`, ...known, ...wrong }))).toMatchObject({ code });
    },
  );
});

describe("a file of unknown digest", () => {
  test("lands in the temporary directory, each time anew", async () => {
    await using mirror = await startMirror({ file: content });
    const first = await fetchSoon({ url: `${mirror.url}file` });
    const second = await fetchSoon({ url: `${mirror.url}file` });
    expect(first.path.startsWith(context.tempDir)).toBe(true);
    expect(second.path).not.toBe(first.path);
    expect(second.sha256).toBe(hash("sha256", content));
    expect(mirror.requests).toHaveLength(2);
  });

  test("is stopped at its limit, and leaves nothing", async () => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [undefined, { endless: true }] } });
    for (const limit of [content.length - 1, 2_000_000]) {
      const fetching = fetchSoon({ url: `${mirror.url}file`, limit });
      expect(await failure(fetching)).toMatchObject({
        code: "FETCH_WRONG_SIZE",
        message: expect.stringContaining(String(limit)),
      });
    }
    expect(readdirSync(context.tempDir)).toEqual([]);
  });
});

describe("a download that breaks off", () => {
  const cuts: readonly [string, Fault][] = [
    ["is cut", { cutAfter: 100_000, withLength: true }],
    ["is cut without a length", { cutAfter: 100_000, withLength: false }],
  ];

  test.each(cuts)("because it %s goes on where it stopped", async (_, cut) => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [cut] } });
    const { path } = await fetchSoon({ url: `${mirror.url}file`, ...known });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(parts(mirror.requests)).toEqual(["whole", "rest"]);
    expect(mirror.requests[1]?.headers["if-range"]).toMatch(/^"[0-9a-f]+"$/);
    expect(messages()).toEqual([expect.stringMatching(/trying again in 1 s \(try 2 of 4\)/)]);
  });

  test.each(cuts)("because it %s starts again when the server proves nothing about the rest", async (_, cut) => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [cut] }, validators: false });
    const { path } = await fetchSoon({ url: `${mirror.url}file`, ...known });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(parts(mirror.requests)).toEqual(["whole", "whole"]);
  });

  test("several times goes on each time", async () => {
    const cut = { cutAfter: 80_000, withLength: true } as const;
    await using mirror = await startMirror({ file: content }, { faults: { file: [cut, cut, cut] } });
    await fetchSoon({ url: `${mirror.url}file`, ...known });
    expect(parts(mirror.requests)).toEqual(["whole", "rest", "rest", "rest"]);
  });

  test("never becomes a mixture when the file changes meanwhile", async () => {
    const cut = { cutAfter: 100_000, withLength: true } as const;
    const faults = { file: [cut, { replacedBy: other }, { replacedBy: other }] };
    for (const options of [{ faults }, { faults, validators: false }]) {
      await using mirror = await startMirror({ file: content }, options);
      const { path } = await fetchSoon({ url: `${mirror.url}file` });
      expect(readFileSync(path).equals(other)).toBe(true);
    }
  });

  test("starts again when ranges are ignored, wrong or not possible", async () => {
    const cut = { cutAfter: 100_000, withLength: true } as const;
    const wrongPart = {
      status: 206,
      headers: { "content-range": "bytes 5-9/300000", "content-length": "5" },
      body: "wrong",
    };
    for (const second of [{ ignoreRange: true }, wrongPart, { status: 416 }] as const) {
      await using mirror = await startMirror({ file: content }, { faults: { file: [cut, second] } });
      const { path } = await fetchSoon({ url: `${mirror.url}file` });
      expect(readFileSync(path).equals(content)).toBe(true);
      expect(parts(mirror.requests)).toEqual(["whole", "rest", "whole"]);
    }
  });

  test("again and again is given up after four tries, and leaves nothing", async () => {
    const cut = { cutAfter: 10, withLength: true } as const;
    await using mirror = await startMirror(
      { file: content },
      { faults: { file: [cut, cut, cut, cut] }, validators: false },
    );
    expect(await failure(fetchSoon({ url: `${mirror.url}file`, ...known }))).toMatchObject({
      code: "FETCH_FAILED",
      kind: "network",
      message: expect.stringContaining("(4 tries)"),
    });
    expect(mirror.requests).toHaveLength(4);
    expect(readdirSync(join(context.dir, "cache", "incoming"))).toEqual([]);
  });

  test("before any answer is tried again", async () => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ reset: true }, { reset: true }] } });
    await fetchSoon({ url: `${mirror.url}file`, ...known });
    expect(mirror.requests).toHaveLength(3);
    const error = await failure(fetchSoon({ url: "http://127.0.0.1:1/file" }));
    expect(error).toMatchObject({ code: "FETCH_FAILED", message: expect.stringContaining("(4 tries)") });
  });

  test("because it comes too slowly is tried again", async () => {
    let now = 0;
    // Each look at the clock is twenty seconds later.
    const clock = { now: () => 0, monotonicMs: () => (now += 20_000) };
    const slow = testContext({ clock });
    const trickle: Fault = { slow: { pieces: 6, pauseMs: 2 } };
    await using mirror = await startMirror(
      { file: Buffer.alloc(600) },
      { faults: { file: [trickle, trickle, trickle, trickle] } },
    );
    const error = await failure(fetchSoon({ url: `${mirror.url}file`, size: 600 }, slow));
    slow.remove();
    expect(error).toMatchObject({ code: "FETCH_FAILED", message: expect.stringContaining("bytes came in 60 s") });
  });
});

describe("an answer that is not the file", () => {
  test.each([408, 425, 429, 500, 502, 503, 504])("%d is tried again", async (status) => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ status }] } });
    await fetchSoon({ url: `${mirror.url}file`, ...known });
    expect(messages()).toEqual([expect.stringContaining(`the server answers ${status}; trying again`)]);
  });

  test.each([
    [400, "FETCH_STATUS"],
    [401, "FETCH_REFUSED"],
    [403, "FETCH_REFUSED"],
    [404, "FETCH_NOT_FOUND"],
    [410, "FETCH_NOT_FOUND"],
    [451, "FETCH_REFUSED"],
    [204, "FETCH_STATUS"],
    [206, "FETCH_STATUS"],
  ])("%d is final", async (status, code) => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ status }] } });
    const error = await failure(fetchSoon({ url: `${mirror.url}file`, ...known }));
    expect(error).toMatchObject({ code, kind: "network", message: expect.stringContaining(String(status)) });
    expect(mirror.requests).toHaveLength(1);
  });

  test("that asks for patience gets it, up to a minute", async () => {
    const wait: Fault = { status: 503, headers: { "retry-after": "1" } };
    await using mirror = await startMirror({ file: content }, { faults: { file: [wait] } });
    await fetchSoon({ url: `${mirror.url}file`, ...known });
    const [first, second] = mirror.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test("that asks for too much patience is final", async () => {
    const wait: Fault = { status: 429, headers: { "retry-after": "3600" } };
    await using mirror = await startMirror({ file: content }, { faults: { file: [wait] } });
    expect(await failure(fetchSoon({ url: `${mirror.url}file` }))).toMatchObject({
      code: "FETCH_STATUS",
      message: expect.stringContaining("come back in 3600 s"),
    });
    expect(mirror.requests).toHaveLength(1);
  });

  test.each(["<!DOCTYPE html><title>Hotel</title>", "\n  <HTML><body>Please log in"])(
    "but a web page: %j",
    async (page) => {
      await using mirror = await startMirror({ file: page });
      for (const source of [{ url: `${mirror.url}file` }, { url: `${mirror.url}file`, digest }]) {
        const error = await failure(fetchSoon(source));
        expect(error).toMatchObject({
          code: "FETCH_WEB_PAGE",
          kind: "network",
          hint: expect.stringContaining("login"),
        });
      }
      expect(mirror.requests).toHaveLength(2);
    },
  );

  test("but encoded once more is refused by its digest", async () => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ contentEncoding: "gzip" }] } });
    expect(await failure(fetchSoon({ url: `${mirror.url}file`, digest }))).toMatchObject({ code: "FETCH_MISMATCH" });
  });

  test("but never ends is stopped at the known size", async () => {
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ endless: true }] } });
    expect(await failure(fetchSoon({ url: `${mirror.url}file`, ...known }))).toMatchObject({
      code: "FETCH_WRONG_SIZE",
    });
    expect(await context.store.get(digest)).toBeUndefined();
  });
});

test("messages hold no secrets", async () => {
  await using mirror = await startMirror({});
  const url = `${mirror.url.replace("//", "//me:secret@")}file?token=secret`;
  expect((await failure(fetchSoon({ url }))).message).not.toContain("secret");
  expect(JSON.stringify(context.events)).not.toContain("secret");
});

describe("an abort", () => {
  test.each(["before-headers", 1000] as const)("ends a download that hangs at %s, and leaves nothing", async (hang) => {
    const controller = new AbortController();
    const aborted = testContext({ signal: controller.signal });
    await using mirror = await startMirror({ file: content }, { faults: { file: [{ hang }] } });
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await expect(fetchSoon({ url: `${mirror.url}file` }, aborted)).rejects.toThrow("enough");
    expect(readdirSync(aborted.tempDir)).toEqual([]);
    aborted.remove();
  });

  test("ends the waiting for the next try", async () => {
    const controller = new AbortController();
    const aborted = testContext({ signal: controller.signal });
    await using mirror = await startMirror(
      {},
      { faults: { file: [{ status: 503, headers: { "retry-after": "60" } }] } },
    );
    setTimeout(() => controller.abort(new Error("enough")), 100);
    const started = performance.now();
    await expect(fetchFile({ url: `${mirror.url}file` }, aborted)).rejects.toThrow("enough");
    // Half of what the server asked for.
    expect(performance.now() - started).toBeLessThan(30_000);
    aborted.remove();
  });
});

describe("a file on this machine", () => {
  test("is verified and kept like any other", async () => {
    const dir = join(context.dir, "a folder #1");
    mkdirSync(dir);
    writeFileSync(join(dir, "file"), content);
    const url = pathToFileURL(join(dir, "file"));
    const { path, size } = await fetchFile({ url, ...known }, context);
    expect(path.startsWith(join(context.dir, "cache"))).toBe(true);
    expect(size).toBe(content.length);
    expect(await failure(fetchFile({ url, digest: `sha256:${"0".repeat(64)}` }, context))).toMatchObject({
      code: "FETCH_MISMATCH",
    });
    expect(await failure(fetchFile({ url, size: 5 }, context))).toMatchObject({ code: "FETCH_WRONG_SIZE" });
    expect(await failure(fetchFile({ url, limit: 5 }, context))).toMatchObject({ code: "FETCH_WRONG_SIZE" });
  });

  test.each([
    ["missing", "file:///no/such/file", "FILE_NOT_FOUND"],
    ["a folder", pathToFileURL(import.meta.dirname).href, "FILE_UNREADABLE"],
  ])("that is %s is named", async (_, url, code) => {
    expect(await failure(fetchFile({ url }, context))).toMatchObject({
      code,
      kind: "environment",
      message: expect.stringContaining(new URL(url).pathname),
    });
  });
});

test("progress is told, up to the whole", async () => {
  await using mirror = await startMirror({ file: content });
  await fetchSoon({ url: `${mirror.url}file`, ...known });
  const told = context.events.filter((event) => event.type === "step.progressed");
  expect(told.at(-1)).toMatchObject({ done: content.length, total: content.length, unit: "bytes" });
});
