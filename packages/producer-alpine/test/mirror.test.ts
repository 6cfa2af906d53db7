import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { removeTree } from "@base-kit/host";
import { startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { chooseMirror } from "../src/mirror.ts";
import { testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

let hostRoot: string;
beforeEach(() => {
  hostRoot = mkdtempSync(join(tmpdir(), "alpine-host-"));
  mkdirSync(join(hostRoot, "etc/apk"), { recursive: true });
});
afterEach(() => removeTree(hostRoot));

function host(id: string, repositories: string): void {
  writeFileSync(join(hostRoot, "etc/os-release"), `NAME="x"\nID=${id}\n`);
  writeFileSync(join(hostRoot, "etc/apk/repositories"), repositories);
}

describe("the mirror is", () => {
  const variable = { BASE_KIT_ALPINE_MIRROR: "https://variable.example/alpine" };

  test("the option, before everything else", async () => {
    host("alpine", "https://company.example/alpine/v3.20/main\n");
    expect((await chooseMirror("https://option.example/a/", { env: variable, hostRoot })).href).toBe(
      "https://option.example/a/",
    );
  });

  test("else that of the environment", async () => {
    host("alpine", "https://company.example/alpine/v3.20/main\n");
    expect((await chooseMirror(undefined, { env: variable, hostRoot })).href).toBe("https://variable.example/alpine/");
  });

  test.each([
    [
      "https://company.example/alpine/v3.20/main\nhttps://other.example/alpine/v3.20/main\n",
      "https://company.example/alpine/",
    ],
    [
      "#https://old.example/alpine/v3.9/main\n/media/cdrom/apks\n@edge http://c.example/a/b/edge/testing\n",
      "http://c.example/a/b/",
    ],
    ["https://c.example/latest-stable/community \n", "https://c.example/"],
    ["# nothing\n", "https://dl-cdn.alpinelinux.org/alpine/"],
  ])("else the machine's own, where it runs Alpine: %j", async (repositories, expected) => {
    host("alpine", repositories);
    expect((await chooseMirror(undefined, { env: {}, hostRoot })).href).toBe(expected);
  });

  test("else the public one", async () => {
    host("debian", "https://company.example/alpine/v3.20/main\n");
    const env = { BASE_KIT_ALPINE_MIRROR: "" };
    expect((await chooseMirror(undefined, { env, hostRoot })).href).toBe("https://dl-cdn.alpinelinux.org/alpine/");
  });
});

test.each(["ftp://mirror.example/", "http://", "https://mirror.example/?x=1", "", "a\nb"])(
  "the mirror %j is refused",
  async (mirror) => {
    await expect(chooseMirror(mirror, { env: {} })).rejects.toMatchObject({ code: "MIRROR_INVALID", kind: "usage" });
  },
);

test("a folder that is not there is an error that names it", async () => {
  await expect(chooseMirror("/no/such/folder", { env: {} })).rejects.toMatchObject({
    code: "MIRROR_NOT_FOUND",
    kind: "environment",
    message: expect.stringContaining("/no/such/folder"),
  });
});

describe("credentials", () => {
  test("in the option are refused, without showing them", async () => {
    const choosing = chooseMirror("https://me:secret@mirror.example/alpine", { env: {} });
    await expect(choosing).rejects.toMatchObject({
      code: "MIRROR_WITH_CREDENTIALS",
      kind: "usage",
      message: expect.not.stringContaining("secret"),
      hint: expect.stringContaining("BASE_KIT_ALPINE_MIRROR"),
    });
  });

  test("in the environment are used, and stand neither in the lock nor in what is told", async () => {
    await using mirror = await startMirror(await smallRelease());
    const env = { BASE_KIT_ALPINE_MIRROR: mirror.url.replace("http://", "http://me:secret@") };
    await using context = await testContext({ env });
    const platform = parsePlatform("amd64");
    const request = { release: "3.20", platform, sourceDateEpoch: undefined, options: {} };
    const lock = await alpine.resolve(request, context);
    await alpine.produce(JSON.parse(JSON.stringify(lock)), context);
    const expected = `Basic ${btoa("me:secret")}`;
    expect(mirror.requests.map(({ headers }) => headers["authorization"])).toEqual([expected, expected, expected]);
    expect(JSON.stringify([lock, context.events])).not.toContain("secret");
  });
});
