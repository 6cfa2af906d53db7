import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform, type Lock, type Rootfs, textFromBytes } from "@base-kit/core";
import { slim } from "@base-kit/debian-tweaks";
import { createContext, type HostContext } from "@base-kit/host";
import { describeRootfs, directorySegment, mergedEntries, readTextFile } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, debootstrapTree, locationOf, readContent, requires, startMirror } from "@base-kit/testing";
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

  /** What the program leaves when nobody helps it. */
  async function byHand() {
    using tree = await debootstrapTree("bookworm");
    const rootfs = await describeRootfs([await directorySegment(tree.dir, context)], hostPlatform());
    return { contents: await contents(rootfs), status: await readTextFile(rootfs, "var/lib/dpkg/status") };
  }

  test("bookworm is what debootstrap makes by hand, but for the tweaks", async () => {
    const mirror = locationOf("debian-mirror").replace(/\/+$/, "");
    const [expected, { lock, rootfs }] = await Promise.all([byHand(), build("bookworm", { mirror })]);
    const { status } = expected;
    const entries = mergedEntries(rootfs);
    expect(await readTextFile(rootfs, "var/lib/dpkg/status")).toBe(status);
    expect(difference(expected.contents, await contents(rootfs))).toEqual({
      changed: ["etc/hostname", "etc/resolv.conf", "etc/shadow"],
      added: [
        "etc/apt/apt.conf.d/docker-autoremove-suggests",
        "etc/apt/apt.conf.d/docker-clean",
        "etc/apt/apt.conf.d/docker-gzip-indexes",
        "etc/apt/apt.conf.d/docker-no-languages",
        "etc/dpkg/dpkg.cfg.d/docker-apt-speedup",
        "usr/sbin/policy-rc.d",
        "var/lib/apt/extended_states",
      ],
      removed: [
        "dev/*",
        "run/mount",
        "var/cache/apt/*",
        "var/cache/ldconfig/aux-cache",
        "var/lib/apt/lists/*",
        "var/log/alternatives.log",
        "var/log/bootstrap.log",
        "var/log/dpkg.log",
      ],
    });
    expect(await readTextFile(rootfs, "etc/apt/sources.list")).toBe(`deb ${mirror} bookworm main\n`);
    expect(Math.max(...entries.map(({ mtime }) => mtime))).toBeLessThanOrEqual(lock.sourceDateEpoch);
    expect(rootfs.osRelease).toMatchObject({ ID: "debian", VERSION_CODENAME: "bookworm" });
    expect(rootfs.packages.length).toBe(status?.match(/^Package: /gm)?.length);
    for (const { sha256 } of rootfs.packages) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    const text = JSON.stringify(lock);
    expect(text).toContain(`${mirror}/dists/bookworm/InRelease`);
    expect(JSON.parse(text)).toEqual(lock);
    expectSlim(slim(rootfs, { epoch: lock.sourceDateEpoch, include: [], architecture: "amd64" }));
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

/** Everything about each path but its time. */
async function contents(rootfs: Rootfs): Promise<ReadonlyMap<string, string>> {
  const result = new Map<string, string>();
  for (const { mtime: _, ...entry } of mergedEntries(rootfs)) {
    const content = entry.type === "file" ? (await readContent(entry.content())).toString("base64") : "";
    result.set(textFromBytes(entry.path), JSON.stringify({ ...entry, xattrs: [...(entry.xattrs ?? [])], content }));
  }
  return result;
}

/** Folders that lost all their content are told once. */
function difference(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const emptied = ["dev", "var/cache/apt", "var/lib/apt/lists"];
  const shown = (path: string) => {
    const folder = emptied.find((each) => path.startsWith(`${each}/`));
    return folder === undefined ? path : `${folder}/*`;
  };
  const paths = (list: readonly string[]) => [...new Set(list.map(shown))].sort();
  return {
    changed: paths([...before.keys()].filter((path) => after.has(path) && before.get(path) !== after.get(path))),
    added: paths([...after.keys()].filter((path) => !before.has(path))),
    removed: paths([...before.keys()].filter((path) => !after.has(path))),
  };
}
