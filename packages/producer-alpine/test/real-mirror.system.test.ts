import { createPublicKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { mergedEntries, readTextFile } from "@base-kit/rootfs";
import { locationOf, producerContract, requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { ALPINE_KEYS } from "../src/apk/alpine-keys.ts";
import { readIndex } from "../src/apk/index-file.ts";
import { readApk } from "../src/apk/package-file.ts";
import { alpine } from "../src/index.ts";
import { testContext } from "./in-context.ts";

const { skip } = requires("alpine-mirror");
const X86_64 = ALPINE_KEYS.filter(({ architectures }) => architectures.includes("x86_64")).map(({ name }) => name);

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

  const folder = skip ? "" : join(locationOf("alpine-mirror").replace(/^file:\/\//, ""), "v3.17/main/aarch64");
  test.skipIf(!existsSync(folder))(
    "a real package is compared with the real index, and each of its files with the checksum before it",
    async () => {
      const keys = new Map(
        ALPINE_KEYS.map(({ name, key }) => [
          name,
          createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" }),
        ]),
      );
      const { packages } = await readIndex(readFileSync(join(folder, "APKINDEX.tar.gz")), { name: "APKINDEX", keys });
      const expected = packages.find(({ name }) => name === "alpine-baselayout") ?? expect.fail("not in the index");
      const file = `alpine-baselayout-${expected.version}.apk`;
      const bytes = readFileSync(join(folder, file));
      // The mirror's copy is an older package under the name of the newer: signed by Alpine, and not what the index says.
      expect(() => readApk(bytes, { file, keys, expected, limit: 2 ** 24 })).toThrow(
        expect.objectContaining({ code: "APK_MISMATCH", message: expect.stringContaining(expected.checksum) }),
      );
      const elsewhere = new Map([...keys].filter(([name]) => X86_64.includes(name)));
      await expect(
        readIndex(readFileSync(join(folder, "APKINDEX.tar.gz")), { name: "APKINDEX", keys: elsewhere }),
      ).rejects.toThrow(expect.objectContaining({ code: "APK_UNKNOWN_KEY" }));
      const really = { ...expected, version: "3.2.0-r23", checksum: "Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc=" };
      const { contents } = readApk(bytes, { file, keys, expected: really, limit: 2 ** 24 });
      expect(contents.members.filter(({ checksum }) => checksum !== undefined)).toHaveLength(14);
      expect(contents.info.fields["D"]).toBe("alpine-baselayout-data=3.2.0-r23 /bin/sh so:libc.musl-aarch64.so.1");
    },
  );

  const given = { release: "3.20", platform: parsePlatform("amd64"), options };
  for (const check of producerContract(alpine, { ...given, createContext: testContext })) test(check.name, check.run);
});
