import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import {
  apkStanza,
  type DescribedApk,
  type Fault,
  makeApk,
  makeApkIndex,
  newApkKey,
  startMirror,
  writeApkRepository,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";

const key = newApkKey("wolfi-signing.rsa.pub");
const PACKAGES: readonly DescribedApk[] = [
  { name: "wolfi-base", info: ["depend = one", "depend = two"] },
  { name: "one", files: { "usr/one": "1".repeat(2000) } },
  { name: "two", files: { "usr/two": "2" } },
];
const INDEX = "x86_64/APKINDEX.tar.gz";
const ONE = "x86_64/one-1.0-r0.apk";
const TWO = "x86_64/two-1.0-r0.apk";

let folder: string;
let keyring: string;
let files: Record<string, Buffer>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "alpine-repository-"));
  files = published(PACKAGES);
  keyring = join(folder, key.name);
  writeFileSync(keyring, key.publicPem);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A repository by path. */
function published(packages: readonly DescribedApk[]): Record<string, Buffer> {
  const place = writeApkRepository(mkdtempSync(join(folder, "repository-")), packages, key);
  const names = (readdirSync(place, { recursive: true }) as string[]).filter((name) =>
    statSync(join(place, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(place, name))]));
}

async function resolving(content: Readonly<Record<string, Buffer | string>>, faults: Record<string, Fault> = {}) {
  const always = Object.entries(faults).map(([path, fault]) => [path, Array<Fault>(9).fill(fault)]);
  await using mirror = await startMirror(content, { faults: Object.fromEntries(always) });
  await using context = await testContext();
  const request = { release: undefined, platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
  const options = { mirror: mirror.url, keyring, configure: "none" } as const;
  const lock = await wolfi.resolve({ ...request, options }, context);
  return { lock, paths: mirror.requests.map(({ path }) => path) };
}

test("a repository over plain http is as good as its signature", async () => {
  const { lock, paths } = await resolving(files);
  expect(paths.sort()).toEqual([INDEX, ONE, TWO, "x86_64/wolfi-base-1.0-r0.apk"]);
  expect(lock.inputs[0]).toMatchObject({ verifiedBy: key.name });
});

describe("of a repository is refused", () => {
  const without = (...paths: readonly string[]) =>
    Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));
  /** The index with something else about one package. */
  const index = (changes: Readonly<Record<string, { name?: string; checksum?: string; size?: number }>>) =>
    makeApkIndex(
      PACKAGES.map((described) => {
        const { bytes, checksum } = makeApk(described, key);
        const { name = described.name, ...facts } = changes[described.name] ?? {};
        return apkStanza({ ...described, name }, { checksum, size: bytes.length, ...facts });
      }),
      key,
    );

  test.each<[string, () => Parameters<typeof resolving>, object]>([
    ["an index that is not there", () => [without(INDEX)], { code: "FETCH_NOT_FOUND", kind: "network" }],
    ["an index that is a login page", () => [{ ...files, [INDEX]: "<!DOCTYPE html>" }], { code: "FETCH_WEB_PAGE" }],
    [
      "an index that ends too early and says no length",
      () => [files, { [INDEX]: { cutAfter: 700, withLength: false } }],
      { code: "APK_BAD_SIGNATURE", kind: "verification" },
    ],
    [
      "an index that leads to a file of this machine",
      () => [files, { [INDEX]: { redirect: "file:///etc/passwd" } }],
      { code: "FETCH_REDIRECT_REFUSED" },
    ],
    [
      "an index that is compressed once more",
      () => [files, { [INDEX]: { contentEncoding: "gzip" } }],
      { code: "APK_UNSIGNED" },
    ],
    ["an index of nobody", () => [{ ...files, [INDEX]: Buffer.alloc(3000) }], { code: "APK_ARCHIVE" }],
    [
      "packages that are not there, all of them",
      () => [without(ONE, TWO)],
      { code: "FETCH_NOT_FOUND", message: expect.stringMatching(/one-1\.0-r0\.apk.*\n.*two-1\.0-r0\.apk/) },
    ],
    ["a package that never ends", () => [files, { [ONE]: { endless: true } }], { code: "FETCH_WRONG_SIZE" }],
    [
      "a package that is longer than the index says",
      () => [{ ...files, [ONE]: Buffer.concat([files[ONE] as Buffer, Buffer.alloc(1)]) }],
      { code: "FETCH_WRONG_SIZE" },
    ],
    [
      "a package of another build than the index has, while the mirror is changing",
      () => [{ ...files, [INDEX]: index({ one: { checksum: `Q1${"A".repeat(27)}=` } }) }],
      { code: "APK_MISMATCH", kind: "verification", hint: expect.stringContaining("in the middle of an update") },
    ],
    [
      "another package under its name",
      () => {
        const { bytes, checksum } = makeApk({ name: "owt" }, key);
        return [{ ...files, [TWO]: bytes, [INDEX]: index({ two: { checksum, size: bytes.length } }) }];
      },
      { code: "APK_MISMATCH", message: expect.stringContaining("its name is owt, expected two") },
    ],
    [
      "a package whose name leads elsewhere",
      () => [{ ...files, [INDEX]: index({ one: { name: "../one" } }) }],
      { code: "APK_UNSATISFIABLE" },
    ],
    [
      "a package without a size",
      () => [{ ...files, [INDEX]: index({ one: { size: 0 } }) }],
      { code: "FETCH_WRONG_SIZE" },
    ],
  ])("%s", async (_, given, error) => {
    await expect(resolving(...given())).rejects.toMatchObject(error);
  });
});
