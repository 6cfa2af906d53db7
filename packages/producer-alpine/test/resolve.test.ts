import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isBaseKitError, type Lock, parsePlatform } from "@base-kit/core";
import { removeTree } from "@base-kit/host";
import { startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { parseReleaseIndex } from "../src/release-index.ts";
import { type TestContext, testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

let context: TestContext;
beforeEach(async () => {
  context = await testContext();
});
afterEach(() => context[Symbol.asyncDispose]());

interface Asked {
  readonly release?: string;
  readonly platform?: string;
  readonly sourceDateEpoch?: number;
}

function resolve(
  mirror: string | undefined,
  { release, platform = "amd64", sourceDateEpoch }: Asked = {},
): Promise<Lock> {
  const options = mirror === undefined ? {} : { mirror };
  return alpine.resolve({ release, platform: parsePlatform(platform), sourceDateEpoch, options }, context);
}

async function failure(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isBaseKitError(error)) throw new Error(`expected a BaseKitError, got ${String(error)}`);
  return error;
}

describe("a release", () => {
  test.each([
    ["3.20", "v3.20"],
    ["v3.20", "v3.20"],
    ["3.20.3", "v3.20"],
    ["v3.20.3", "v3.20"],
    ["edge", "edge"],
    ["latest-stable", "latest-stable"],
    [undefined, "latest-stable"],
  ])("%s is looked up in %s", async (release, folder) => {
    const branch = folder === "latest-stable" ? "v3.20" : folder;
    const version = branch === "edge" ? "20240923" : "3.20.3";
    await using mirror = await startMirror(await smallRelease({ branch, folder, version }));
    const lock = await resolve(mirror.url, { ...(release === undefined ? {} : { release }) });
    expect(mirror.requests.map(({ path }) => path)).toEqual([
      `${folder}/releases/x86_64/latest-releases.yaml`,
      `${branch}/releases/x86_64/alpine-minirootfs-${version}-x86_64.tar.gz`,
      `${branch}/releases/x86_64/alpine-minirootfs-${version}-x86_64.tar.gz.asc`,
    ]);
    expect(lock.inputs.at(-1)).toMatchObject({
      name: `alpine-minirootfs-${version}-x86_64.tar.gz`,
      url: `${mirror.url}${branch}/releases/x86_64/alpine-minirootfs-${version}-x86_64.tar.gz`,
    });
    expect(lock.release).toBe(release ?? "latest-stable");
  });

  test("out of a list that was read before is the same again, and out of another one what that says", async () => {
    for (const version of ["3.20.3", "3.20.4", "3.20.3"]) {
      await using mirror = await startMirror(await smallRelease({ version }));
      const first = await resolve(mirror.url, { release: "3.20" });
      expect(first.inputs.at(-1)?.name).toBe(`alpine-minirootfs-${version}-x86_64.tar.gz`);
      expect(await resolve(mirror.url, { release: "3.20" })).toEqual(first);
    }
  });

  test("carries everything that is checked, and the time of the newest file", async () => {
    await using mirror = await startMirror(await smallRelease());
    const lock = await resolve(mirror.url, { release: "3.20" });
    expect(lock).toMatchObject({ producer: "alpine", sourceDateEpoch: 1_725_621_650 });
    const [index, minirootfs] = lock.inputs;
    expect(index).toMatchObject({ name: "latest-releases.yaml", verifiedBy: "nothing: plain http, not signed" });
    expect(minirootfs?.verifiedBy).toBe(`latest-releases.yaml sha256:${index?.sha256}`);
    expect(minirootfs?.size).toBeGreaterThan(100);
    expect(minirootfs?.sha512).toMatch(/^[0-9a-f]{128}$/);
    expect((await resolve(mirror.url, { release: "3.20", sourceDateEpoch: 5 })).sourceDateEpoch).toBe(5);
  });

  test.each([
    ["amd64", "x86_64"],
    ["386", "x86"],
    ["arm64", "aarch64"],
    ["linux/arm64/v8", "aarch64"],
    ["arm/v6", "armhf"],
    ["arm/v7", "armv7"],
    ["ppc64le", "ppc64le"],
    ["s390x", "s390x"],
    ["riscv64", "riscv64"],
    ["loong64", "loongarch64"],
  ])("for %s is Alpine's %s", async (platform, architecture) => {
    await using mirror = await startMirror(await smallRelease({ architecture }));
    const lock = await resolve(mirror.url, { release: "3.20", platform });
    expect(lock.inputs.at(-1)?.name).toBe(`alpine-minirootfs-3.20.3-${architecture}.tar.gz`);
    expect(lock.platform).toEqual(parsePlatform(platform));
  });

  test.each(["mips64le", "arm/v5"])("for %s does not exist", async (platform) => {
    expect(await failure(resolve("http://127.0.0.1:1/", { platform }))).toMatchObject({
      code: "PLATFORM_UNSUPPORTED",
      kind: "unsupported",
      hint: expect.stringContaining("arm/v7"),
    });
  });
});

describe("a version that is not the newest any more", () => {
  test("is found beside the newest, with its own checksums and the date of its newest file", async () => {
    const files = { ...(await smallRelease({ version: "3.20.1" })), ...(await smallRelease()) };
    await using mirror = await startMirror(files);
    const lock = await resolve(mirror.url, { release: "3.20.1" });
    expect(lock.inputs).toEqual([expect.objectContaining({ name: "alpine-minirootfs-3.20.1-x86_64.tar.gz" })]);
    expect(lock.inputs[0]?.verifiedBy).toContain(".sha256 and .sha512");
    expect(lock.sourceDateEpoch).toBe(1725621650);
    const rootfs = await alpine.produce(lock, context);
    expect(rootfs.osRelease["VERSION_ID"]).toBe("3.20.1");
  });

  test("and is not there: the newest is named", async () => {
    await using mirror = await startMirror(await smallRelease());
    expect(await failure(resolve(mirror.url, { release: "3.20.2" }))).toMatchObject({
      code: "ALPINE_RELEASE_UNKNOWN",
      kind: "usage",
      hint: "The newest of v3.20 there is 3.20.3.",
    });
  });

  test.each([
    ["sha256", "of another file", (digest: string) => `${digest}  other.tar.gz\n`],
    ["sha512", "too short", (digest: string) => `${digest.slice(1)}  alpine-minirootfs-3.20.1-x86_64.tar.gz\n`],
    ["sha256", "not a checksum", () => "moved\n"],
  ])("with a %s that is %s is refused", async (algorithm, _, change) => {
    const files = { ...(await smallRelease({ version: "3.20.1" })), ...(await smallRelease()) };
    const path = `v3.20/releases/x86_64/alpine-minirootfs-3.20.1-x86_64.tar.gz.${algorithm}`;
    const digest = files[path]?.toString().split(" ")[0] ?? "";
    await using mirror = await startMirror({ ...files, [path]: Buffer.from(change(digest)) });
    expect(await failure(resolve(mirror.url, { release: "3.20.1" }))).toMatchObject({
      code: "ALPINE_CHECKSUM_INVALID",
      kind: "verification",
    });
  });
});

describe("an unknown release", () => {
  test("of a server: the newest is named", async () => {
    await using mirror = await startMirror(await smallRelease({ folder: "latest-stable" }));
    const error = await failure(resolve(mirror.url, { release: "9.99" }));
    expect(error).toMatchObject({ code: "ALPINE_RELEASE_UNKNOWN", kind: "usage" });
    expect(error.message).toContain("no Alpine 9.99 for x86_64");
    expect(error.hint).toContain("3.20.3 (latest-stable)");
  });

  test("of a server without anything", async () => {
    await using mirror = await startMirror({});
    expect((await failure(resolve(mirror.url))).hint).toContain("Is it a mirror of Alpine?");
  });

  test("of a folder: all it has for the architecture are named, in their order", async () => {
    const dir = mkdtempSync(join(tmpdir(), "alpine-mirror-"));
    for (const branch of ["v3.9", "v3.20", "edge"]) write(dir, await smallRelease({ branch }));
    write(dir, await smallRelease({ branch: "v3.21", architecture: "aarch64" }));
    const error = await failure(resolve(dir, { release: "9.99" }));
    removeTree(dir);
    expect(error).toMatchObject({ code: "ALPINE_RELEASE_UNKNOWN", kind: "usage" });
    expect(error.hint).toContain("For x86_64 it has 3.9, 3.20, edge.");
  });
});

function write(dir: string, files: Readonly<Record<string, Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

describe("a list of releases that is not in order is refused", () => {
  test.each([
    ["another architecture", { arch: "aarch64" }],
    ["another branch", { branch: "v3.19" }],
    ["a branch that is a path", { branch: "../../x" }],
    ["a file that is a path", { file: "../../../etc/passwd" }],
    ["an absolute file", { file: "/etc/passwd" }],
    ["a file that is a URL", { file: "http://evil.example/x.tar.gz" }],
    ["a file that looks like an option", { file: "--help" }],
    ["no file", { file: undefined }],
    ["no size", { size: undefined }],
    ["a size that is no number", { size: "many" }],
    ["a negative size", { size: -1 }],
    ["a size of nothing", { size: 0 }],
    ["a short sha256", { sha256: "abc" }],
    ["no sha512", { sha512: undefined }],
    ["an upper-case digest", { sha256: "A".repeat(64) }],
    ["a date that does not exist", { date: "2024-02-31" }],
    ["a version that is a command", { version: "$(id)" }],
  ])("%s", async (_, listed) => {
    await using mirror = await startMirror(await smallRelease({ listed }));
    expect(await failure(resolve(mirror.url, { release: "3.20" }))).toMatchObject({
      code: "ALPINE_INDEX_INVALID",
      kind: "verification",
      message: expect.stringContaining("latest-releases.yaml"),
    });
    expect(mirror.requests).toHaveLength(1);
  });

  test.each([
    ["not YAML", "a: [b"],
    ["empty", ""],
    ["a text", "moved permanently"],
    ["no list", "flavor: alpine-minirootfs"],
    ["a list of something else", "- 1\n- {flavor: alpine-iso}\n- null\n"],
    ["twice", "- flavor: alpine-minirootfs\n- flavor: alpine-minirootfs\n"],
    ["a bomb of aliases", `a: &a [${"x,".repeat(50)}]\nb: &b [${"*a,".repeat(50)}]\nc: [${"*b,".repeat(50)}]\n`],
    ["bytes", "\u0000\u0001\u0002"],
  ])("%s", async (_, text) => {
    await using mirror = await startMirror({ "v3.20/releases/x86_64/latest-releases.yaml": text });
    expect(await failure(resolve(mirror.url, { release: "3.20" }))).toMatchObject({
      code: "ALPINE_INDEX_INVALID",
      kind: "verification",
    });
  });

  test("a login page, too", async () => {
    await using mirror = await startMirror({
      "v3.20/releases/x86_64/latest-releases.yaml": "<!DOCTYPE html><html>Login",
    });
    expect(await failure(resolve(mirror.url, { release: "3.20" }))).toMatchObject({
      code: "FETCH_WEB_PAGE",
      kind: "network",
      hint: expect.stringContaining("login"),
    });
  });

  test("a list that does not end, too", async () => {
    const path = "v3.20/releases/x86_64/latest-releases.yaml";
    await using mirror = await startMirror({ [path]: "-" }, { faults: { [path]: [{ endless: true }] } });
    expect(await failure(resolve(mirror.url, { release: "3.20" }))).toMatchObject({ code: "FETCH_WRONG_SIZE" });
  });

  test("digits that look like a number stay what they are", async () => {
    const listed = { version: "3.20", sha256: `${"1".repeat(30)}e${"1".repeat(33)}`, sha512: "0".repeat(128) };
    const files = await smallRelease({ listed });
    const text = files["v3.20/releases/x86_64/latest-releases.yaml"]?.toString() ?? "";
    expect(parseReleaseIndex(text, { url: "index", architecture: "x86_64" })).toMatchObject(listed);
  });
});

describe("trust", () => {
  test("in plain http is warned of, in a folder told", async () => {
    await using mirror = await startMirror(await smallRelease());
    await resolve(mirror.url, { release: "3.20" });
    expect(context.events).toContainEqual(
      expect.objectContaining({ type: "warned", code: "MIRROR_NOT_AUTHENTICATED" }),
    );
    await using quiet = await testContext();
    const dir = mkdtempSync(join(tmpdir(), "alpine-mirror-"));
    write(dir, await smallRelease());
    const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
    const lock = await alpine.resolve({ ...request, options: { mirror: dir } }, quiet);
    removeTree(dir);
    expect(quiet.events.filter(({ type }) => type === "warned")).toEqual([]);
    expect(quiet.events).toContainEqual(
      expect.objectContaining({ type: "noted", message: expect.stringContaining("not signed") }),
    );
    expect(lock.inputs[0]?.verifiedBy).toBe("folder of the machine, not signed");
  });

  test.each(["nowhere", "nowhere.gpg"])(
    "in keys that are not there is refused before anything is fetched: %s",
    async (keyring) => {
      await using mirror = await startMirror(await smallRelease());
      const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
      const refused = await failure(alpine.resolve({ ...request, options: { mirror: mirror.url, keyring } }, context));
      expect(refused).toMatchObject({ code: "KEYRING_INVALID", kind: "usage" });
      expect(refused.message).toBe(`the keyring ${keyring} cannot be used: there is no such file or folder`);
      expect(mirror.requests).toEqual([]);
    },
  );
});
