import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform, type Lock, type Rootfs, textFromBytes } from "@base-kit/core";
import { slim } from "@base-kit/debian-tweaks";
import { createContext, type HostContext } from "@base-kit/host";
import { describeRootfs, directorySegment, mergedEntries } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, debootstrapTree, requires, startMirror } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debootstrap } from "../src/index.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "unshare", "root", "debian-mirror"] as const;

describe.skipIf(requires(...TOOLS).skip)("the real debootstrap", { timeout: 600_000 }, () => {
  let dir: string;
  let context: HostContext;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    context = await createContext({ createStore, cacheDir: dir, env: { ...process.env, TMPDIR: dir } });
  });
  afterAll(async () => {
    await context[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  async function build(release: string, options: object): Promise<{ readonly lock: Lock; readonly rootfs: Rootfs }> {
    const parsed = (await debootstrap.schema()).parse(options);
    const request = { release, platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
    const lock = await debootstrap.resolve(request, context);
    return { lock, rootfs: await debootstrap.produce(lock, context) };
  }

  // What base-kit makes by debootstrap is compared with this tree where the command line has made it (packages/cli).
  test("its tree made slim has of documentation nothing but copyrights, and the folders of manual pages", async () => {
    using tree = await debootstrapTree("bookworm");
    const rootfs = await describeRootfs([await directorySegment(tree.dir, context)], hostPlatform());
    expectSlim(slim(rootfs, { epoch: 0, include: [], architecture: "amd64" }));
  });

  // debootstrap looks for packages after it has accepted the Release, so that one it does not find ends this early.
  test.each([["InRelease"], ["Release", "Release.gpg"]])(
    "it uses the %s that was verified, whatever the mirror serves by then",
    async (...names) => {
      const ubuntu = await createUbuntuMirror(mkdtempSync(join(dir, "mirror-")));
      if (names.length > 1) rmSync(join(ubuntu.dir, "dists/focal/InRelease"));
      const asked = (name: string) => mirror.requests.filter(({ path }) => path === `dists/focal/${name}`).length;
      await using mirror = await startMirror((request, response) => {
        const path = (request.url ?? "").slice(1);
        // base-kit asks once to resolve and once to produce; whoever asks a third time gets another Release.
        const isChanged = names.some((name) => path.endsWith(`/${name}`) && asked(name) > 2);
        try {
          response.end(isChanged ? "another Release" : readFileSync(join(ubuntu.dir, path)));
        } catch {
          response.writeHead(404).end();
        }
      });
      const options = { mirror: mirror.url, keyring: ubuntu.keyring, include: ["no-such-package"] };
      await expect(build("focal", options)).rejects.toMatchObject({
        code: "PACKAGE_UNKNOWN",
        kind: "usage",
        message: expect.stringContaining("no-such-package"),
      });
      expect(names.map(asked)).toEqual(names.map(() => 2));
    },
  );
});

/** What is left of documentation: nothing but copyrights, and the folders of manual pages. */
function expectSlim(rootfs: Rootfs): void {
  const below = (folder: string) =>
    mergedEntries(rootfs)
      .map(({ path }) => textFromBytes(path))
      .filter((path) => path.startsWith(`usr/share/${folder}/`));
  const documentation = below("doc").filter((path) => path.split("/").length > 4);
  expect(documentation.filter((path) => !path.endsWith("/copyright"))).toEqual([]);
  expect(documentation.length).toBeGreaterThan(50);
  expect(below("man").filter((path) => !/^usr\/share\/man\/man[0-9]$/.test(path))).toEqual([]);
  expect(below("man")).toContain("usr/share/man/man1");
  expect(below("info")).toEqual([]);
  expect(below("locale").filter((path) => path.endsWith(".mo"))).toEqual([]);
}
