import { parsePlatform } from "@base-kit/core";
import { mergedEntries, readTextFile } from "@base-kit/rootfs";
import { locationOf, producerContract, requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { testContext } from "./in-context.ts";

const { skip } = requires("alpine-mirror");

describe.skipIf(skip)("Alpine's own files", () => {
  const options = skip ? {} : { mirror: locationOf("alpine-mirror") };
  const request = { release: "3.20", sourceDateEpoch: undefined, options };

  test.each([
    ["amd64", "x86_64"],
    ["arm64", "aarch64"],
  ])("for %s", async (platform, architecture) => {
    await using context = await testContext();
    const lock = await alpine.resolve({ ...request, platform: parsePlatform(platform) }, context);
    const rootfs = await alpine.produce(lock, context);
    expect(rootfs.osRelease).toMatchObject({ ID: "alpine", VERSION_ID: expect.stringMatching(/^3\.20\.\d+$/) });
    expect(rootfs.packages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["alpine-baselayout", "apk-tools", "busybox", "musl"]),
    );
    expect(new Set(rootfs.packages.map((each) => each.architecture))).toEqual(new Set([architecture]));
    // What the tests of docker-alpine look at.
    expect(await readTextFile(rootfs, "etc/shadow")).toMatch(/^root:[*!]:/m);
    expect(await readTextFile(rootfs, "etc/apk/repositories")).toMatch(/v3\.20\/main\n.*v3\.20\/community\n$/);
    const entries = mergedEntries(rootfs);
    expect(entries.length).toBeGreaterThan(500);
    expect(entries.filter(({ path }) => path.startsWith("var/cache/apk/"))).toEqual([]);
    expect(Math.max(...entries.map(({ mtime }) => mtime))).toBe(lock.sourceDateEpoch);
    // What Alpine published can be the layer, byte for byte.
    expect(rootfs.segments[0]?.layers?.map(({ digest }) => digest)).toEqual([`sha256:${lock.inputs.at(-1)?.sha256}`]);
  });

  const given = { release: "3.20", platform: parsePlatform("amd64"), options };
  for (const check of producerContract(alpine, { ...given, createContext: testContext })) test(check.name, check.run);
});
