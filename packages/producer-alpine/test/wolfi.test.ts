import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { mergedEntries, readTextFile } from "@base-kit/rootfs";
import { newApkKey, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";

describe("Wolfi", () => {
  let mirror: string;
  beforeAll(() => {
    mirror = writeApkRepository(
      mkdtempSync(join(tmpdir(), "wolfi-mirror-")),
      [
        { name: "wolfi-base", info: ["depend = wolfi-baselayout"] },
        { name: "wolfi-baselayout", files: { "etc/os-release": "ID=wolfi\n", "usr/bin/": "" } },
        {
          name: "hello",
          files: { "usr/bin/hello": { content: "#!/bin/sh\n", mode: 0o755 } },
          scripts: { "post-install": "#!/bin/sh\ntouch /etc/hello\n" },
        },
      ],
      newApkKey("wolfi-signing.rsa.pub"),
    );
  });
  afterAll(() => rmSync(mirror, { recursive: true, force: true }));
  const request = { platform: parsePlatform("amd64"), sourceDateEpoch: undefined };

  test("has no minirootfs, and says so", async () => {
    await using context = await testContext();
    const options = { mirror, variant: "minirootfs" } as const;
    await expect(wolfi.resolve({ ...request, release: undefined, options }, context)).rejects.toMatchObject({
      code: "OPTION_INVALID",
      kind: "usage",
    });
  });

  test("is made of packages, signed with the key of its mirror", async () => {
    await using context = await testContext();
    const options = { mirror, include: ["hello"], configure: "none" } as const;
    const lock = await wolfi.resolve({ ...request, release: undefined, options }, context);
    expect(lock.inputs.map(({ name }) => name)).toEqual([
      "wolfi-signing.rsa.pub",
      expect.stringMatching(/^APKINDEX of /),
      "hello-1.0-r0.apk",
      "wolfi-baselayout-1.0-r0.apk",
      "wolfi-base-1.0-r0.apk",
    ]);
    expect(lock.sourceDateEpoch).toBe(1_700_000_000);
    const rootfs = await wolfi.produce(JSON.parse(JSON.stringify(lock)), context);
    expect(rootfs.osRelease).toEqual({ ID: "wolfi" });
    expect(rootfs.packages.map(({ name, sha256 }) => [name, sha256?.length])).toEqual([
      ["hello", 64],
      ["wolfi-base", 64],
      ["wolfi-baselayout", 64],
    ]);
    expect(await readTextFile(rootfs, "etc/apk/world")).toBe("hello\nwolfi-base\n");
    expect(mergedEntries(rootfs).map(({ path }) => path)).toEqual(
      expect.arrayContaining(["usr/bin/hello", "lib/apk/db/installed", "lib/apk/db/scripts.tar"]),
    );
    expect(context.events).toContainEqual(
      expect.objectContaining({
        type: "warned",
        code: "NOT_CONFIGURED",
        message: expect.stringContaining("hello-1.0-r0.post-install"),
      }),
    );
  });

  test.each([
    ["a release", { release: "3.20", options: {} }, "WOLFI_RELEASE_UNKNOWN"],
    ["a key over plain http", { release: undefined, options: { mirror: "http://127.0.0.1:9/os" } }, "KEYRING_MISSING"],
  ])("%s is refused", async (_, given, code) => {
    await using context = await testContext();
    await expect(wolfi.resolve({ ...request, ...given }, context)).rejects.toMatchObject({ code });
  });
});
