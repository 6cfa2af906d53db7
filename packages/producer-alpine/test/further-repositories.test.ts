import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { readTextFile } from "@base-kit/rootfs";
import { newApkKey, startMirror, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alpine, wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";

const [own, others] = [newApkKey("own@example.org.rsa.pub"), newApkKey("others@example.org.rsa.pub")];
const BASE = ["alpine-baselayout", "alpine-keys", "apk-tools", "busybox", "libc-utils"].map((name) => ({ name }));
const platform = parsePlatform("amd64");

let folder: string;
let options: {
  readonly mirror: string;
  readonly keyring: string;
  readonly variant: "packages";
  readonly configure: "none";
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "alpine-repositories-"));
  const tool = (version: string) => ({ name: "tool", version, info: [`depend = library=${version}`] });
  writeApkRepository(join(folder, "mirror/v3.20/main"), [...BASE, tool("1"), { name: "library", version: "1" }], own);
  writeApkRepository(join(folder, "edge"), [tool("2"), { name: "library", version: "2" }], others);
  const keyring = join(folder, "keys");
  mkdirSync(keyring);
  for (const { name, publicPem } of [own, others]) writeFileSync(join(keyring, name), publicPem);
  options = { mirror: join(folder, "mirror"), keyring, variant: "packages", configure: "none" };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a further repository", () => {
  test.each<[string, string, string, readonly string[]]>([
    ["gives what is newer", "", "tool", ["library-2", "tool-2"]],
    ["with a tag gives nothing that is not asked for there", "@edge ", "tool", ["library-1", "tool-1"]],
    ["with a tag gives what is asked for there, and what that needs", "@edge ", "tool@edge", ["library-2", "tool-2"]],
  ])("%s", async (_, tag, include, expected) => {
    await using context = await testContext();
    const repository = [`${tag}${join(folder, "edge")}`];
    const request = { release: "3.20", platform, sourceDateEpoch: undefined };
    const lock = await alpine.resolve({ ...request, options: { ...options, repository, include: [include] } }, context);
    const chosen = lock.inputs
      .map(({ name }) => name.replace(/\.apk$/, ""))
      .filter((name) => /^(?:tool|library)-/.test(name));
    expect(chosen.sort()).toEqual(expected);
    expect(lock.inputs.filter(({ name }) => name.startsWith("APKINDEX")).map(({ verifiedBy }) => verifiedBy)).toEqual([
      own.name,
      others.name,
    ]);
    const { segments } = await alpine.produce(JSON.parse(JSON.stringify(lock)), context);
    // A folder of this machine is no repository of the image, and its apk refuses tags that it does not know.
    expect(await readTextFile({ segments }, "etc/apk/world")).toContain("\ntool\n");
    expect(await readTextFile({ segments }, "lib/apk/db/installed")).not.toContain("\ns:edge\n");
  });

  test("needs its own key", async () => {
    await using context = await testContext();
    const given = { ...options, keyring: join(options.keyring, own.name), repository: [join(folder, "edge")] };
    const request = { release: "3.20", platform, sourceDateEpoch: undefined, options: given };
    await expect(alpine.resolve(request, context)).rejects.toMatchObject({
      code: "APK_UNKNOWN_KEY",
      kind: "verification",
      message: expect.stringContaining(others.name),
    });
  });

  test("stands in the image when others can reach it, and a folder of this machine does not", async () => {
    const files = readdirSync(join(folder, "edge/x86_64")).map((name) => [
      `x86_64/${name}`,
      readFileSync(join(folder, "edge/x86_64", name)),
    ]);
    await using mirror = await startMirror(Object.fromEntries(files));
    await using context = await testContext();
    const repository = [`@edge ${mirror.url}`, `@here ${join(folder, "edge")}`];
    const request = { release: "3.20", platform, sourceDateEpoch: undefined };
    const given = { ...options, repository, include: ["tool@edge"] };
    const lock = await alpine.resolve({ ...request, options: given }, context);
    const { segments } = await alpine.produce(lock, context);
    expect(await readTextFile({ segments }, "etc/apk/world")).toContain("\ntool@edge\n");
    expect(await readTextFile({ segments }, "lib/apk/db/installed")).toMatch(/\nP:tool\nV:2\n(?:.+\n)*s:edge\n/);
    expect(await readTextFile({ segments }, `etc/apk/keys/${others.name}`)).toBe(others.publicPem);
    expect(await readTextFile({ segments }, `etc/apk/keys/${own.name}`)).toBeUndefined();
    expect((await readTextFile({ segments }, "etc/apk/repositories"))?.split("\n")).toEqual([
      "https://dl-cdn.alpinelinux.org/alpine/v3.20/main",
      "https://dl-cdn.alpinelinux.org/alpine/v3.20/community",
      `@edge ${mirror.url}`,
      "",
    ]);
  });
});

describe("credentials are refused, without showing them", () => {
  const secret = "https://me:secret@packages.example/os";
  test.each([
    ["in a repository", alpine, { repository: [secret] }],
    ["in a repository with a tag", alpine, { repository: [`@edge ${secret}`] }],
    ["in a mirror of Wolfi", wolfi, { mirror: secret }],
    ["in a repository beside Wolfi", wolfi, { repository: [secret] }],
  ])("%s", async (_, producer, given) => {
    await using context = await testContext();
    const request = { release: producer === alpine ? "3.20" : undefined, platform, sourceDateEpoch: undefined };
    await expect(producer.resolve({ ...request, options: { ...options, ...given } }, context)).rejects.toMatchObject({
      code: "MIRROR_WITH_CREDENTIALS",
      kind: "usage",
      message: expect.not.stringContaining("secret"),
    });
  });
});

test("credentials in the environment are used for Wolfi's mirror, and stand in no lock", async () => {
  const key = newApkKey("wolfi-signing.rsa.pub");
  const place = writeApkRepository(join(folder, "wolfi"), [{ name: "wolfi-base" }], key);
  const names = ["x86_64/APKINDEX.tar.gz", "x86_64/wolfi-base-1.0-r0.apk"];
  await using mirror = await startMirror(
    Object.fromEntries(names.map((name) => [name, readFileSync(join(place, name))])),
  );
  const env = { BASE_KIT_WOLFI_MIRROR: mirror.url.replace("http://", "http://me:secret@") };
  const request = { release: undefined, platform, sourceDateEpoch: undefined };
  await using context = await testContext({ env });
  const given = { keyring: join(place, key.name), configure: "none" } as const;
  const lock = await wolfi.resolve({ ...request, options: given }, context);
  // On another machine, which has the lock alone.
  await using other = await testContext({ env });
  await wolfi.produce(JSON.parse(JSON.stringify(lock)), other);
  expect(new Set(mirror.requests.map(({ headers }) => headers["authorization"]))).toEqual(
    new Set([`Basic ${btoa("me:secret")}`]),
  );
  expect(JSON.stringify([lock, context.events, other.events])).not.toContain("secret");
});
