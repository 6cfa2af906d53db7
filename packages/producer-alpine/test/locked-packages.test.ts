import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lock, type LockedInput, parsePlatform } from "@base-kit/core";
import { newApkKey, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";

let mirror: string;
let lock: Lock;
beforeAll(async () => {
  mirror = writeApkRepository(
    mkdtempSync(join(tmpdir(), "alpine-locked-")),
    [{ name: "wolfi-base", files: { "etc/os-release": "ID=wolfi\n" } }],
    newApkKey("wolfi-signing.rsa.pub"),
  );
  await using context = await testContext();
  const request = { release: undefined, platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
  lock = await wolfi.resolve({ ...request, options: { mirror, configure: "none" } }, context);
});
afterAll(() => rmSync(mirror, { recursive: true, force: true }));

async function produced(changed: Lock) {
  await using context = await testContext();
  return await wolfi.produce(JSON.parse(JSON.stringify(changed)), context);
}

/** The lock with something else about the input whose name ends so. */
function withInput(end: string, change: (input: LockedInput) => object): Lock {
  const inputs = lock.inputs.map((input) => (input.name.endsWith(end) ? { ...input, ...change(input) } : input));
  return { ...lock, inputs };
}
const facts = (changes: object) => withInput(".apk", (input) => ({ facts: { ...input.facts, ...changes } }));

test("a lock that nobody changed is built", async () => {
  expect((await produced(lock)).osRelease).toEqual({ ID: "wolfi" });
});

describe("a lock that somebody changed is refused", () => {
  test.each<[string, () => Lock, string]>([
    ["a package's url that is a path", () => withInput(".apk", () => ({ url: "/etc/passwd" })), "LOCK_INVALID"],
    ["a package without a sha256", () => withInput(".apk", () => ({ sha256: undefined })), "LOCK_INVALID"],
    ["a package without a size", () => withInput(".apk", () => ({ size: undefined })), "LOCK_INVALID"],
    ["a package without facts", () => withInput(".apk", () => ({ facts: undefined })), "LOCK_INVALID"],
    ["a name that leads elsewhere", () => facts({ name: "../x" }), "LOCK_INVALID"],
    ["a version that is none", () => facts({ version: "1;x" }), "LOCK_INVALID"],
    ["an architecture that is a path", () => facts({ architecture: "../x" }), "LOCK_INVALID"],
    ["a checksum that is none", () => facts({ checksum: "Q1" }), "LOCK_INVALID"],
    ["a tag with a newline", () => facts({ tag: "a\nb" }), "LOCK_INVALID"],
    ["another name", () => facts({ name: "other" }), "APK_MISMATCH"],
    ["another version", () => facts({ version: "2" }), "APK_MISMATCH"],
    ["another architecture", () => facts({ architecture: "aarch64" }), "APK_MISMATCH"],
    ["another checksum", () => facts({ checksum: `Q1${"A".repeat(27)}=` }), "APK_MISMATCH"],
    ["another sha256", () => withInput(".apk", () => ({ sha256: "0".repeat(64) })), "FETCH_MISMATCH"],
    ["another size", () => withInput(".apk", () => ({ size: 7 })), "FETCH_WRONG_SIZE"],
    ["another key", () => withInput(".rsa.pub", () => ({ sha256: "0".repeat(64) })), "FETCH_MISMATCH"],
    [
      "a key with a name that leads elsewhere",
      () => withInput(".rsa.pub", () => ({ name: "../x.rsa.pub" })),
      "LOCK_INVALID",
    ],
    [
      "no key",
      () => ({ ...lock, inputs: lock.inputs.filter(({ name }) => !name.endsWith(".pub")) }),
      "APK_UNKNOWN_KEY",
    ],
    ["no package", () => ({ ...lock, inputs: lock.inputs.slice(0, 1) }), "LOCK_INVALID"],
    [
      "a repository with a newline",
      () => ({ ...lock, options: { ...lock.options, repositories: ["a\nb"] } }),
      "LOCK_INVALID",
    ],
    ["a world that is no list", () => ({ ...lock, options: { ...lock.options, world: "x" } }), "LOCK_INVALID"],
  ])("%s", async (_, changed, code) => {
    await expect(produced(changed())).rejects.toMatchObject({ code });
  });
});
