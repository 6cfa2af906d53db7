import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform, type Rootfs } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { readTextFile } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, producerContract, requires } from "@base-kit/testing";
import { afterAll, describe, expect, test } from "vitest";
import { debootstrap } from "../src/index.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "unshare", "root", "debian-mirror"] as const;
const { skip } = requires(...TOOLS);

describe.skipIf(skip)("debootstrap is a producer", { timeout: 600_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const mirror = skip ? undefined : await createUbuntuMirror(mkdtempSync(join(dir, "mirror-")));
  const options = await debootstrap
    .schema()
    .then((schema) => schema.parse({ mirror: mirror?.dir, keyring: mirror?.keyring }));
  const made: {
    readonly rootfs: Rootfs;
    readonly lsbRelease?: string | undefined;
    readonly sources?: string | undefined;
  }[] = [];
  const watched: typeof debootstrap = {
    ...debootstrap,
    produce: async (lock, context) => {
      const rootfs = await debootstrap.produce(lock, context);
      const read = (path: string) => readTextFile(rootfs, path);
      made.push({ rootfs, lsbRelease: await read("etc/lsb-release"), sources: await read("etc/apt/sources.list") });
      return rootfs;
    },
  };
  const checks = producerContract(watched, {
    release: "focal",
    platform: hostPlatform(),
    options,
    createContext: ({ signal }) => {
      const env = { ...process.env, TMPDIR: dir };
      return createContext({ createStore, cacheDir: dir, env, signal });
    },
  });
  for (const { name, run } of checks) test(name, run);

  test("what it made of a mirror in a folder is Ubuntu, without a trace of the folder", () => {
    expect(made).toHaveLength(2);
    for (const { rootfs, lsbRelease, sources } of made) {
      expect(lsbRelease).toContain("DISTRIB_CODENAME=focal\n");
      expect(rootfs.osRelease).toMatchObject({ ID: "ubuntu", VERSION_ID: "20.04" });
      expect(sources).toMatch(/^deb http:\/\/[a-z.]+\.ubuntu\.com\/ubuntu\S* focal main\n$/);
    }
  });
});
