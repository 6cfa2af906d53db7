import { parsePlatform } from "@base-kit/core";
import { type Fault, startMirror } from "@base-kit/testing";
import { expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

const INDEX = "v3.20/releases/x86_64/latest-releases.yaml";
const FILE = "v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz";

/** Both steps with a real context: what its `fetch` makes of a fault has to be understood by what is built on it. */
async function build(faults: Readonly<Record<string, readonly Fault[]>>) {
  await using mirror = await startMirror(await smallRelease(), { faults });
  await using context = await testContext();
  const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
  const lock = await alpine.resolve({ ...request, options: { mirror: mirror.url } }, context);
  const rootfs = await alpine.produce(lock, context);
  return { version: rootfs.osRelease["VERSION_ID"], requests: mirror.requests, events: context.events };
}

test.each([
  ["closes connections", { reset: true }],
  ["cuts answers", { cutAfter: 50, withLength: true }],
  ["cuts answers without a length", { cutAfter: 50, withLength: false }],
  ["is overloaded", { status: 503 }],
] as const)("a mirror that sometimes %s is good enough", async (_, fault) => {
  const { version, requests, events } = await build({ [FILE]: [fault] });
  expect(version).toBe("3.20.3");
  expect(requests.filter(({ path }) => path === FILE)).toHaveLength(2);
  expect(events).toContainEqual({
    type: "noted",
    message: expect.stringMatching(/trying again in 1 s \(try 2 of 4\)$/),
  });
});

test.each([
  ["a redirect to a file of the machine", { redirect: "file:///etc/passwd" }, "FETCH_REDIRECT_REFUSED"],
  ["no access", { status: 403 }, "FETCH_REFUSED"],
] as const)("%s is final", async (_, fault, code) => {
  await expect(build({ [INDEX]: [fault] })).rejects.toMatchObject({ code, kind: "network" });
});

test("a mirror that compresses what is compressed already is refused", async () => {
  await expect(build({ [FILE]: [{ contentEncoding: "gzip" }] })).rejects.toMatchObject({ kind: "verification" });
});
