import { createHash, createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { parsePlatform } from "@base-kit/core";
import { mergedEntries, readTextFile } from "@base-kit/rootfs";
import {
  apkSignature,
  type DescribedApk,
  makeApk,
  newApkKey,
  type RawEntry,
  startMirror,
  writeApkRepository,
} from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { readApk } from "../src/apk/package-file.ts";
import { alpine, wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

const key = newApkKey("wolfi-signing.rsa.pub");
const keys = new Map([[key.name, createPublicKey(key.publicPem)]]);

function open(described: Omit<DescribedApk, "name">) {
  const { bytes, checksum } = makeApk({ name: "hello", ...described }, key);
  return opened(bytes, checksum);
}

function opened(bytes: Buffer, checksum: string) {
  const expected = { name: "hello", version: "1.0-r0", architecture: "x86_64", checksum };
  return readApk(bytes, { file: "hello-1.0-r0.apk", keys, expected, limit: 2 ** 22 }).contents;
}

/** A record of pax(1): its own length comes first. */
function record(text: string): RawEntry {
  const length = [2, 3, 4].map((digits) => text.length + digits + 1).find((each, at) => `${each}`.length === at + 2);
  return { path: "x", type: "x", content: `${length} ${text}` };
}
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");

describe("inside a signed package is refused", () => {
  test.each<[string, readonly RawEntry[], string]>([
    ["an absolute name", [{ path: "/etc/passwd" }], "TAR_NAME"],
    ["a name that leads out", [{ path: "../etc/passwd" }], "TAR_NAME"],
    ["a name that leads out on its way", [{ path: "a/../../etc/passwd" }], "TAR_NAME"],
    ["a name that leads out in a pax record", [record("path=../../etc/passwd\n"), { path: "a" }], "TAR_NAME"],
    ["a NUL in a pax record", [record("path=a\0b\n"), { path: "a" }], "TAR_"],
    ["a newline in a name", [{ path: "a\nb" }], "APK_INVALID"],
    ["an escape sequence in a name", [{ path: "a\u001b[2J" }], "APK_INVALID"],
    ["a component that is too long", [record(`path=${"a".repeat(300)}\n`), { path: "a" }], "TAR_"],
    ["a record of 2 MiB", [{ path: "x", type: "x", content: Buffer.alloc(2 * 1024 ** 2, "a") }], "TAR_"],
    ["a root that is a file", [{ path: "./" }], "TAR_"],
    ["a sparse file", [record("GNU.sparse.size=9\n"), { path: "a" }], "TAR_"],
    ["a file of a contiguous kind", [{ path: "a", type: "7" }], "TAR_"],
    ["a volume header", [{ path: "a", type: "V" }], "TAR_"],
    ["a hard link to another package's file", [{ path: "a", type: "1", target: "etc/shadow" }], "APK_INVALID"],
    ["one path twice", [{ path: "a" }, { path: "./a", content: "b" }], "APK_INVALID"],
    ["a link and what is put through it", [{ path: "a", type: "2", target: "/etc" }, { path: "a" }], "APK_INVALID"],
    ["a folder where it has a file", [{ path: "a" }, { path: "a/", type: "5" }], "APK_INVALID"],
    ["an owner of 2^32 - 1", [record("uid=4294967295\n"), { path: "a" }], "TAR_NUMBER"],
    ["a hard link to itself", [{ path: "a", type: "1", target: "a" }], "APK_INVALID"],
    ["a hard link to what comes later", [{ path: "a", type: "1", target: "b" }, { path: "b" }], "APK_INVALID"],
    ["a hard link to a folder", [{ path: "a", type: "1", target: "usr" }], "APK_INVALID"],
    [
      "another checksum before a file",
      [record(`APK-TOOLS.checksum.SHA1=${sha1("b")}\n`), { path: "a", content: "a" }],
      "APK_MISMATCH",
    ],
    [
      "another checksum before a link",
      [record(`APK-TOOLS.checksum.SHA1=${sha1("b")}\n`), { path: "a", type: "2", target: "c" }],
      "APK_MISMATCH",
    ],
  ])("%s", (_, further, code) => {
    expect(() => open({ files: { "usr/bin/": "" }, further })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(new RegExp(`^${code}`)) }),
    );
  });

  test.each([
    ["a control character", "depend = a\u0001b"],
    ["an architecture that is not the index's", "arch = aarch64"],
    ["a dependency that is none", "depend = a<<<b"],
  ])("%s in its description", (_, line) => {
    expect(() => open({ info: [line] })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^APK_(?:INVALID|MISMATCH)$/) }),
    );
  });
});

describe("inside a signed package is fine", () => {
  test("a checksum that is right, a hard link to an earlier file, a link that leads anywhere", () => {
    const further = [
      record(`APK-TOOLS.checksum.SHA1=${sha1("a")}\n`),
      { path: "a", content: "a" },
      { path: "b", type: "1", target: "a" },
      { path: "c", type: "2", target: "../../../../etc/shadow" },
    ];
    expect(open({ further }).members.map(({ path, type }) => `${path} ${type}`)).toEqual([
      "a file",
      "b hardlink",
      "c symlink",
    ]);
  });

  test("names of any language, and bytes that are none", () => {
    // A certificate of Alpine's ca-certificates; two of its bytes would be control characters if they were characters.
    const names = [Buffer.from("usr/F\u0151tan\u00fas\u00edtv\u00e1ny.crt").toString("latin1"), "usr/\xff\x80"];
    const { members } = open({ further: names.map((path) => ({ path })) });
    expect(members.map(({ path }) => path)).toEqual(names);
  });

  test("what is for every architecture", () => {
    expect(open({ info: ["arch = noarch"] }).info.architecture).toBe("noarch");
  });

  test("a hundred thousand dependencies", () => {
    const info = Array.from({ length: 1e5 }, (_, at) => `depend = a${at}`);
    expect(open({ info }).info.fields["D"]?.split(" ")).toHaveLength(1e5);
  });

  test("a line of a megabyte", () => {
    expect(open({ info: [`maintainer = ${"m".repeat(2 ** 20)}`] }).info.fields["m"]).toHaveLength(2 ** 20);
  });

  test.each([1, 511, 513, 777, 4000])("data in two gzip members, split at byte %i", (at) => {
    const compress = (tar: Buffer) => Buffer.concat([gzipSync(tar.subarray(0, at)), gzipSync(tar.subarray(at))]);
    const { members } = open({ files: { "usr/hello": "x".repeat(5000) }, compress });
    expect(members.map(({ path, size = 0 }) => `${path} ${size}`)).toEqual(["usr 0", "usr/hello 5000"]);
  });
});

test.each([100, 512, 700, 1024])(
  "a description that is split at byte %i is refused: its second half is not signed",
  (at) => {
    const [, control, data] = makeApk({ name: "hello" }, key).parts as readonly [Buffer, Buffer, Buffer];
    const tar = gunzipSync(control);
    const [first, second] = [gzipSync(tar.subarray(0, at)), gzipSync(tar.subarray(at))];
    const checksum = `Q1${createHash("sha1").update(first).digest("base64")}`;
    const bytes = Buffer.concat([apkSignature(first, key), first, second, data]);
    expect(() => opened(bytes, checksum)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(?:APK|TAR)_/) }),
    );
  },
);

test("packages do not come into a minirootfs whose database cannot be read", async () => {
  // The small one's has no checksums.
  await using mirror = await startMirror(await smallRelease());
  await using context = await testContext();
  const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
  const options = { mirror: mirror.url, include: ["hello"] };
  await expect(alpine.resolve({ ...request, options }, context)).rejects.toMatchObject({
    code: "APK_DATABASE",
    kind: "unsupported",
    message: expect.stringContaining("musl"),
  });
});

describe("packages that do not go together are refused", () => {
  const base = { name: "wolfi-base", info: ["depend = one", "depend = two"] };
  async function build(...packages: readonly DescribedApk[]) {
    const mirror = mkdtempSync(join(tmpdir(), "hostile-"));
    await using context = await testContext();
    try {
      writeApkRepository(mirror, [base, ...packages], key);
      const request = { release: undefined, platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
      const lock = await wolfi.resolve({ ...request, options: { mirror, configure: "none" } }, context);
      const { segments } = await wolfi.produce(lock, context);
      const owners = await readTextFile({ segments }, "lib/apk/db/installed");
      const shared = await readTextFile({ segments }, "usr/share/both");
      return { shared, owners, paths: mergedEntries({ segments }).map(({ path }) => path as string) };
    } finally {
      rmSync(mirror, { recursive: true, force: true });
    }
  }
  const owning = (name: string, more: Partial<DescribedApk> = {}) => ({
    name,
    files: { "usr/share/both": name },
    ...more,
  });

  test("two owners of one file", async () => {
    await expect(build(owning("one"), owning("two"))).rejects.toMatchObject({
      code: "APK_TWO_OWNERS",
      kind: "verification",
      message: expect.stringContaining("one-1.0-r0 and two-1.0-r0 have /usr/share/both"),
    });
  });

  test.each<[string, Partial<DescribedApk>, Partial<DescribedApk>, string]>([
    ["one that replaces the other", { info: ["replaces = two"] }, {}, "one"],
    ["the other way round", {}, { info: ["replaces = one"] }, "two"],
    [
      "the higher priority",
      { info: ["replaces = two", "replaces_priority = 2"] },
      { info: ["replaces = one", "replaces_priority = 1"] },
      "one",
    ],
  ])("but not %s", async (_, first, second, owner) => {
    const { shared, owners } = await build(owning("one", first), owning("two", second));
    expect(shared).toBe(owner);
    expect(owners?.match(/R:both/g)).toHaveLength(1);
  });

  test.each<[string, RawEntry, string]>([
    ["a whiteout, which would delete in the image", { path: "usr/.wh.passwd" }, "ROOTFS_WHITEOUT"],
    ["a file where another package has a folder", { path: "usr/share" }, "ROOTFS_"],
    ["a file behind a link that goes in a circle", { path: "loop/x" }, "ROOTFS_"],
  ])("%s", async (_, entry, code) => {
    const further = [{ path: "loop", type: "2", target: "loop" }, entry];
    await expect(build(owning("one"), { name: "two", further })).rejects.toMatchObject({
      code: expect.stringMatching(new RegExp(`^${code}`)),
    });
  });

  test("a link out of the root leads nowhere", async () => {
    const { paths } = await build(
      {
        name: "one",
        further: [
          { path: "out", type: "2", target: "../../../../../../tmp" },
          { path: "tmp/", type: "5" },
        ],
      },
      { name: "two", further: [{ path: "out/escaped", content: "x" }] },
    );
    expect(paths).toContain("tmp/escaped");
  });
});
