import type { Lock, LockedInput } from "@base-kit/core";
import { parsePlatform } from "@base-kit/core";
import { type Mirror, startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { type TestContext, testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

const FILE = "v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz";
let context: TestContext;
let mirror: Mirror;
let lock: Lock;

beforeEach(async () => {
  context = await testContext();
  mirror = await startMirror(await smallRelease());
  lock = await lockOf(mirror);
  // Whoever made the lock has the file already.
  await context[Symbol.asyncDispose]();
  context = await testContext();
});
afterEach(async () => {
  await context[Symbol.asyncDispose]();
  await mirror.close();
});

function lockOf({ url }: Mirror): Promise<Lock> {
  const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
  return alpine.resolve({ ...request, options: { mirror: url } }, context);
}

/** The lock with other facts about the root filesystem. */
function changed(facts: Partial<Record<keyof LockedInput, unknown>>): Lock {
  const [index, minirootfs] = lock.inputs;
  return { ...lock, inputs: [index, { ...minirootfs, ...facts }] as LockedInput[] };
}

test("the root filesystem comes as it is, with what its files say about it", async () => {
  const rootfs = await alpine.produce(lock, context);
  expect(rootfs).toMatchObject({
    platform: { os: "linux", architecture: "amd64" },
    osRelease: { ID: "alpine", VERSION_ID: "3.20.3" },
    packages: [{ name: "musl", version: "1.2.5-r0", architecture: "x86_64", licence: "MIT" }],
    runtime: {
      cmd: ["/bin/sh"],
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    },
  });
  expect([...(rootfs.segments[0]?.entries() ?? [])].map(({ path }) => path)).toContain("bin/sh");
});

test("the second time nothing is fetched", async () => {
  await alpine.produce(lock, context);
  const requests = mirror.requests.length;
  await alpine.produce(lock, context);
  expect(mirror.requests).toHaveLength(requests);
});

describe("a file that is not the one of the lock is refused", () => {
  test.each([
    ["sha256", { sha256: "0".repeat(64) }, "FETCH_MISMATCH"],
    ["sha512", { sha512: "0".repeat(128) }, "FETCH_MISMATCH"],
    ["size", { size: 12345 }, "FETCH_WRONG_SIZE"],
  ])("by its %s, telling what was expected and found", async (_, facts, code) => {
    const work = alpine.produce(changed(facts), context);
    await expect(work).rejects.toMatchObject({ code, kind: "verification" });
    await expect(work).rejects.toThrow(String(Object.values(facts)[0]));
    await expect(work).rejects.toThrow(`${mirror.url}${FILE}`);
  });

  test("and nothing of it is kept", async () => {
    await using tampered = await startMirror({ [FILE]: Buffer.from("evil".repeat(100)) });
    const locked = changed({ url: `${tampered.url}${FILE}`, size: 400 });
    await expect(alpine.produce(locked, context)).rejects.toMatchObject({ code: "FETCH_MISMATCH" });
    expect(await context.store.get(`sha256:${lock.inputs[1]?.sha256}`)).toBeUndefined();
  });

  test("when it is gone", async () => {
    await expect(alpine.produce(changed({ url: `${mirror.url}gone` }), context)).rejects.toMatchObject({
      code: "FETCH_NOT_FOUND",
      kind: "network",
    });
  });
});

test("a root filesystem of another architecture is refused although its checksums are right", async () => {
  await using wrong = await startMirror(await smallRelease({ contains: "aarch64" }));
  await expect(alpine.produce(await lockOf(wrong), context)).rejects.toMatchObject({
    code: "ALPINE_ROOTFS_INVALID",
    kind: "verification",
    message: expect.stringContaining("is for aarch64, expected x86_64"),
  });
});

describe("a lock that somebody changed is refused", () => {
  test.each([
    ["no url", { url: undefined }],
    ["a url that is a path", { url: "/etc/passwd" }],
    ["a url of another kind", { url: "ftp://example.com/x" }],
    ["no sha256", { sha256: undefined }],
    ["a sha256 that is a path", { sha256: "../../etc/passwd" }],
    ["no sha512", { sha512: undefined }],
    ["no size", { size: undefined }],
    ["a size that is a text", { size: "5" }],
    ["another name", { name: "../../alpine-minirootfs.tar.gz" }],
  ])("%s", async (_, facts) => {
    const requests = mirror.requests.length;
    await expect(alpine.produce(changed(facts), context)).rejects.toMatchObject({
      code: "LOCK_INVALID",
      kind: "usage",
    });
    expect(mirror.requests).toHaveLength(requests);
  });

  test("two files, another producer, unknown options", async () => {
    const [index, minirootfs] = lock.inputs;
    const twice = { ...lock, inputs: [index, minirootfs, minirootfs] as LockedInput[] };
    await expect(alpine.produce(twice, context)).rejects.toMatchObject({ code: "LOCK_INVALID" });
    await expect(alpine.produce({ ...lock, producer: "other" }, context)).rejects.toMatchObject({
      code: "LOCK_INVALID",
    });
    await expect(alpine.produce({ ...lock, options: { exec: "x" } }, context)).rejects.toMatchObject({
      code: "OPTION_INVALID",
    });
  });
});
