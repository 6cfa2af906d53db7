import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type Context, hostPlatform, type Lock, type Rootfs } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { mergedEntries, readTextFile } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import {
  createGpgHome,
  DEB_ARCHITECTURE,
  type DescribedDeb,
  type DescribedSuite,
  type Fault,
  type GpgHome,
  type Mirror,
  makeDebSuite,
  readContent,
  requires,
  type SigningKey,
  startMirror,
} from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { debian } from "../src/index.ts";
import { resolve as resolveWithin } from "../src/resolve.ts";

const PACKAGES: readonly DescribedDeb[] = [
  { name: "demo", files: { "usr/bin/demo": "demo" }, fields: ["Depends: lib-demo"] },
  { name: "lib-demo", files: { "usr/lib/demo": "lib" } },
];
const INDEX = `dists/bookworm/main/binary-${DEB_ARCHITECTURE}/Packages.gz`;
const IN_RELEASE = "dists/bookworm/InRelease";
const POOL = "pool/main/demo_1.0_all.deb";
const DAY = 24 * 3600 * 1000;
const utc = (time: number) => new Date(time).toUTCString().replace("GMT", "UTC");

/** What a mirror can do to a build: each threat is tried on the whole way from its Release to the tree. */
describe.skipIf(requires("gpg").skip)("a mirror", () => {
  let gpg: GpgHome;
  let key: SigningKey;
  let other: SigningKey;
  let dir: string;
  let context: HostContext;
  let waits: readonly string[];

  beforeAll(() => {
    gpg = createGpgHome();
    key = gpg.generate();
    other = gpg.generate();
  });
  afterAll(() => gpg?.[Symbol.dispose]());
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    writeFileSync(join(dir, "keyring.gpg"), gpg.exportKeys([key]));
    waits = [];
    const reporter = {
      emit: (event: { readonly type: string; readonly message?: string }) => {
        if (event.type === "noted" || event.type === "warned") waits = [...waits, event.message ?? ""];
      },
    };
    context = await createContext({ createStore, cacheDir: dir, env: { ...process.env, TMPDIR: dir }, reporter });
    return async () => {
      await context[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    };
  });

  const suiteOf = (described: DescribedSuite = {}, by = [key]) =>
    makeDebSuite({ packages: PACKAGES, ...described }, (release) => gpg.clearsign(release, { by }));

  async function resolve(mirror: string, options: object = {}): Promise<Lock> {
    const given = { mirror, keyring: join(dir, "keyring.gpg"), variant: "custom", include: ["demo"], tweaks: ["none"] };
    const parsed = (await debian.schema()).parse({ ...given, configure: "none", ...options });
    const request = { release: "bookworm", platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
    // Nobody wants to wait for a mirror that does not change.
    return resolveWithin(request, { distribution: "debian", delays: [1, 1] }, context);
  }

  async function build(mirror: string, options?: object): Promise<Rootfs> {
    return debian.produce(await resolve(mirror, options), context);
  }

  /** Builds from these files, with faults, and gives what came out or was thrown. */
  async function outcome(
    files: Readonly<Record<string, Buffer>>,
    {
      faults = {},
      options = {},
    }: { readonly faults?: Record<string, readonly (Fault | undefined)[]>; readonly options?: object } = {},
  ): Promise<{ readonly value?: string | undefined; readonly error?: unknown; readonly requests: Mirror["requests"] }> {
    await using mirror = await startMirror(files, { faults });
    const { requests } = mirror;
    try {
      return { value: await readTextFile(await build(mirror.url, options), "usr/bin/demo"), requests };
    } catch (error) {
      return { error, requests };
    }
  }

  const failed = (kind: string, code: string, message: RegExp) => ({
    error: expect.objectContaining({ kind, code, message: expect.stringMatching(message) }),
  });

  test("that is right is believed", async () => {
    expect(await outcome(suiteOf())).toMatchObject({ value: "demo" });
  });

  describe("is not believed whose Release", () => {
    const release = (change: (text: string) => string) => (files: Record<string, Buffer>) => ({
      ...files,
      [IN_RELEASE]: Buffer.from(change(files[IN_RELEASE]?.toString() ?? "")),
    });
    test.each<[what: string, make: () => Record<string, Buffer>, code: string, message: RegExp]>([
      ["is signed by somebody else", () => suiteOf({}, [other]), "SIGNATURE_UNKNOWN_KEY", /bookworm.*keyring\.gpg/s],
      ["was changed", () => release((text) => text.replace("main/", "main//"))(suiteOf()), "SIGNATURE_BAD", /./],
      ["is cut off", () => release((text) => text.slice(0, -200))(suiteOf()), "OPENPGP_MALFORMED", /./],
      ["has a line before it", () => release((text) => `Suite: x\n${text}`)(suiteOf()), "SIGNATURE_UNSIGNED_TEXT", /./],
      [
        "is out of date",
        () => suiteOf({ fields: [`Valid-Until: ${utc(Date.now() - DAY)}`], date: new Date(Date.now() - 8 * DAY) }),
        "RELEASE_EXPIRED",
        /out of date/,
      ],
      ["is of tomorrow", () => suiteOf({ date: new Date(Date.now() + DAY) }), "RELEASE_FROM_FUTURE", /clock/],
      [
        "is that of another suite",
        () => ({ ...suiteOf(), [IN_RELEASE]: suiteOf({ suite: "trixie" })["dists/trixie/InRelease"] as Buffer }),
        "RELEASE_WRONG_SUITE",
        /trixie/,
      ],
    ])("%s", async (_, make, code, message) => {
      const { error, requests } = await outcome(make());
      expect({ error }).toMatchObject(failed("verification", code, message));
      // Nothing it names was looked at.
      expect(requests.map(({ path }) => path)).toEqual([IN_RELEASE]);
    });

    test("is a login page", async () => {
      const { error } = await outcome(release(() => "<html>Log in</html>")(suiteOf()));
      expect({ error }).toMatchObject(failed("network", "FETCH_WEB_PAGE", /InRelease is a web page/));
    });

    test("has no signature at all", async () => {
      const { [IN_RELEASE]: _, ...files } = suiteOf();
      const { error } = await outcome({ ...files, "dists/bookworm/Release": Buffer.from("Suite: bookworm\n") });
      expect({ error }).toMatchObject(
        failed("verification", "RELEASE_UNSIGNED", /bookworm.*Release\.gpg.*keyring\.gpg/s),
      );
    });
  });

  describe("that is being filled", () => {
    const newer = () => suiteOf({ packages: [...PACKAGES, { name: "more" }] });

    test("has the index under its digest, and no other is taken", async () => {
      const files = suiteOf({ fields: ["Acquire-By-Hash: yes"] });
      expect(await outcome({ ...files, [INDEX]: newer()[INDEX] as Buffer })).toMatchObject({ value: "demo" });
    });

    test.each([
      ["another size", () => newer()[INDEX] as Buffer, "FETCH_WRONG_SIZE", /Packages\.gz: expected \d+ bytes, .* \d+/],
      [
        "another digest",
        () => flipped(suiteOf()[INDEX]),
        "FETCH_MISMATCH",
        /Packages\.gz.*[0-9a-f]{64}.*[0-9a-f]{64}/s,
      ],
    ] as const)("with an index of %s than the Release's is refused", async (_, index, code, message) => {
      const { error, requests } = await outcome({ ...suiteOf(), [INDEX]: index() });
      expect({ error }).toMatchObject(failed("verification", code, message));
      expect(requests.filter(({ path }) => path === IN_RELEASE)).toHaveLength(3);
      expect(requests.map(({ path }) => path)).not.toContain(POOL);
    });

    test("is looked at again as a whole, and is taken as soon as it is of one state", async () => {
      const version = "2.0";
      const [demo, ...others] = PACKAGES as [DescribedDeb, ...DescribedDeb[]];
      const next = suiteOf({ packages: [{ ...demo, version, files: { "usr/bin/demo": "new" } }, ...others] });
      const old = suiteOf();
      // The new Release, the old index; then the index; the Release between is the old one again, as behind a cache.
      const faults = {
        [IN_RELEASE]: [undefined, { replacedBy: old[IN_RELEASE] as Buffer }],
        [INDEX]: [{ replacedBy: old[INDEX] as Buffer }, undefined],
      };
      const { value, requests } = await outcome({ ...old, ...next }, { faults });
      expect(value).toBe("new");
      const asked = requests.map(({ path }) => path).filter((path) => [IN_RELEASE, INDEX].includes(path));
      expect(asked).toEqual([IN_RELEASE, INDEX, IN_RELEASE, INDEX, IN_RELEASE, INDEX]);
      expect(waits.filter((message) => message.includes("taking over a new state"))).toHaveLength(2);
    });

    test("lacks packages, which are named together", async () => {
      const { [POOL]: _, "pool/main/lib-demo_1.0_all.deb": __, ...files } = suiteOf();
      const { error } = await outcome(files);
      expect(error).toMatchObject({ kind: "network" });
      expect(String(error)).toMatch(/demo_1\.0.*lib-demo_1\.0/s);
    });

    test("and has deleted a package of a lock since: it is taken from the mirror of this machine, or from the past", async () => {
      const { [POOL]: demo, "pool/main/lib-demo_1.0_all.deb": _, ...files } = suiteOf();
      await using old = await startMirror({ ...suiteOf(), ...below("debian", suiteOf()) });
      await using gone = await startMirror(below("debian", files));
      await using here = await startMirror({ [`debian/${POOL}`]: demo as Buffer });
      const at = (mirror: Mirror, fetch = context.fetch) => ({
        ...context,
        env: { ...context.env, BASE_KIT_DEBIAN_MIRROR: `${mirror.url}debian` },
        fetch,
      });
      const parsed = (await debian.schema()).parse({
        ...{ keyring: join(dir, "keyring.gpg"), variant: "custom", include: ["demo"], tweaks: ["none"] },
        configure: "none",
      });
      const request = { release: "bookworm", platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
      const lock = await debian.resolve(request, at(old));
      const later = JSON.parse(JSON.stringify(lock).replaceAll(old.url, gone.url)) as Lock;
      const past: string[] = [];
      const fetch: Context["fetch"] = async (url, options) => {
        if (!url.startsWith("http://snapshot.debian.org/")) return context.fetch(url, options);
        past.push(url);
        return context.fetch(url.replace(/^.*?Z\//, old.url), options);
      };
      expect(await readTextFile(await debian.produce(later, at(here, fetch)), "usr/lib/demo")).toBe("lib");
      expect(past).toEqual([
        expect.stringMatching(/\/archive\/debian\/\d{8}T\d{6}Z\/pool\/main\/lib-demo_1\.0_all\.deb$/),
      ]);
      expect(waits.filter((message) => message.includes("the same file was found at"))).toHaveLength(2);
    });

    test("with a package of the same length and other bytes is refused", async () => {
      const files = suiteOf();
      expect(await outcome({ ...files, [POOL]: flipped(files[POOL]) })).toMatchObject(
        failed("verification", "FETCH_MISMATCH", /demo_1\.0/),
      );
    });
  });

  describe("that fails for a while is asked again", () => {
    test.each<[string, Fault]>([
      ["503", { status: 503, headers: { "retry-after": "0" } }],
      ["a closed connection", { reset: true }],
      ["a cut file", { cutAfter: 100, withLength: true }],
      ["a file cut without a length", { cutAfter: 100, withLength: false }],
    ])("after %s", async (_, fault) => {
      const faults = { [IN_RELEASE]: [], [INDEX]: [fault], [POOL]: [fault] };
      expect(await outcome(suiteOf(), { faults })).toMatchObject({ value: "demo" });
    });

    test("and a redirect is followed, whose target is held to the same digest", async () => {
      const files = suiteOf();
      const moved = { ...files, "elsewhere.deb": files[POOL] as Buffer };
      const faults = { [POOL]: [{ redirect: "/elsewhere.deb" }] };
      expect(await outcome(moved, { faults })).toMatchObject({ value: "demo" });
      context = { ...context, store: createStore(join(dir, "second")) };
      const evil = { ...moved, "elsewhere.deb": Buffer.alloc((files[POOL] as Buffer).length) };
      expect(await outcome(evil, { faults })).toMatchObject(failed("verification", "FETCH_MISMATCH", /demo_1\.0/));
    });
  });

  describe("that is added by --repository", () => {
    const EXTRA: DescribedDeb = { name: "extra", files: { "usr/extra": "x" }, fields: ["Depends: demo"] };
    const added = (packages: readonly DescribedDeb[] = [EXTRA], by = [other], more: DescribedSuite = {}) =>
      suiteOf({ suite: "stuff", packages, ...more }, by);
    async function buildWith(
      files: Record<string, Buffer>,
      faults: Readonly<Record<string, readonly Fault[]>> = {},
    ): Promise<Rootfs> {
      await using own = await startMirror(suiteOf(), { faults });
      await using second = await startMirror(files);
      const keyring = join(dir, "other.gpg");
      writeFileSync(keyring, gpg.exportKeys([other]));
      const repository = [`deb [signed-by=${keyring}] ${second.url} stuff main`];
      return await build(own.url, { repository, include: ["extra"] });
    }

    test("gives its packages, its line and its key", async () => {
      const rootfs = await buildWith(added());
      expect(rootfs.packages.map(({ name }) => name)).toEqual(["demo", "extra", "lib-demo"]);
      const line = (await readTextFile(rootfs, "etc/apt/sources.list"))?.split("\n").at(-2) ?? "";
      const [, path = ""] =
        /^deb \[signed-by=\/(etc\/apt\/keyrings\/other-[0-9a-f]{8}\.gpg)\] http:\S+ stuff main$/.exec(line) ?? [];
      const entry = [...mergedEntries(rootfs)].find((each) => each.path === path);
      expect(entry?.type === "file" && (await readContent(entry.content()))).toEqual(gpg.exportKeys([other]));
    });

    test("may list what fits any machine apart", async () => {
      const rootfs = await buildWith(added([EXTRA], [other], { indexOfAll: true }));
      expect(rootfs.packages.map(({ name }) => name)).toContain("extra");
    });

    test("is not believed by the distribution's key, nor the distribution by its", async () => {
      await expect(buildWith(added([EXTRA], [key]))).rejects.toMatchObject({ code: "SIGNATURE_UNKNOWN_KEY" });
    });

    test("cannot bring another file under a version that is there", async () => {
      const twin = { ...(PACKAGES[0] as DescribedDeb), files: { "usr/bin/demo": "evil" } };
      await expect(buildWith(added([EXTRA, twin]))).rejects.toMatchObject({
        code: "PACKAGE_AMBIGUOUS",
        message: expect.stringMatching(/demo 1\.0 has two contents.*bookworm.*stuff/s),
      });
    });

    test("is told of before anything is fetched when its keyring cannot be read, with all others", async () => {
      const repository = ["one", "two"].map(
        (name) => `deb [signed-by=${dir}/${name}.gpg] http://127.0.0.1:1/${name} stuff main`,
      );
      const { error, requests } = await outcome(suiteOf(), { options: { repository } });
      expect({ error }).toMatchObject(
        failed("environment", "KEYRING_UNREADABLE", /1\/one of --repository .*\/one\.gpg: .*\n.*1\/two .*\/two\.gpg: /),
      );
      expect(requests).toEqual([]);
      expect(waits).toEqual([]);
    });

    test("stops what is fetched beside it when it is not believed: nothing is tried again", async () => {
      const faults = { "dists/bookworm-updates/InRelease": [{ hang: "before-headers" } as const] };
      await expect(buildWith(added([EXTRA], [key]), faults)).rejects.toMatchObject({ code: "SIGNATURE_UNKNOWN_KEY" });
      // The mirrors are gone by now.
      await sleep(100);
      expect(waits.filter((each) => each.includes("bookworm-updates"))).toEqual([]);
    });

    test("has to say who signs it", async () => {
      const repository = ["deb http://127.0.0.1:1/ stuff main"];
      const { error } = await outcome(suiteOf(), { options: { repository } });
      expect({ error }).toMatchObject(failed("usage", "REPOSITORY_INVALID", /by which keyring/));
    });
  });

  test("that sends a package without end is cut at its size", async () => {
    const { error } = await outcome(suiteOf(), { faults: { [POOL]: [{ endless: true }] } });
    expect(error).toMatchObject({ kind: "verification" });
  });

  test("that sends another file's redirect to this machine is refused", async () => {
    const { error } = await outcome(suiteOf(), { faults: { [POOL]: [{ redirect: "file:///etc/passwd" }] } });
    expect(error).toMatchObject({ kind: "network" });
  });

  describe("with a hostile index is refused, although a trusted key signed it", () => {
    test.each<[what: string, from: string | RegExp, to: string, message: RegExp]>([
      ["a path that goes up", "Filename: pool/main/demo_", "Filename: pool/../../demo_", /lies outside the mirror/],
      ["an absolute path", "Filename: pool/main/demo_", "Filename: /etc/demo_", /lies outside the mirror/],
      ["a URL", "Filename: pool/main/demo_", "Filename: http://example.org/demo_", /lies outside the mirror/],
      ["no digest", /SHA256: \w+\n/g, "", /has no sha256/],
      ["a name that is an option", "Package: demo\n", "Package: --admindir=x\n", /name|Package/],
      ["a version with a space", "Version: 1.0\n", "Version: 1 0\n", /[Vv]ersion/],
    ])("for %s", async (_, from, to, message) => {
      const { error, requests } = await outcome(suiteOf({ spoilIndex: (text) => text.replace(from, to) }));
      expect(error).toMatchObject({ kind: expect.stringMatching(/verification|usage/) });
      expect(String(error)).toMatch(message);
      expect(requests.filter(({ path }) => path.startsWith("pool"))).toEqual([]);
    });
  });

  describe("with a hostile package is refused, although a trusted key signed for it", () => {
    const only = (deb: Partial<DescribedDeb>) => suiteOf({ packages: [{ name: "demo", ...deb }] });
    test.each<[what: string, make: () => Record<string, Buffer>, message: RegExp]>([
      ["a path that goes up", () => only({ files: { "usr/../../etc/x": "x" } }), /demo_1\.0_all\.deb/],
      ["a name with a line feed", () => only({ files: { "usr/a\nb": "x" } }), /demo_1\.0_all\.deb/],
      ["a file in a file", () => only({ files: { "usr/a": "", "usr/a/b": "" } }), /\/usr\/a is a file of demo/],
      [
        "another format",
        () => only({ data: { name: "data.tar.gz", pack: () => Buffer.from("no gzip") } }),
        /demo_1\.0_all\.deb/,
      ],
      [
        "no end",
        () => only({ data: { name: "data.tar.gz", pack: (tar) => gzipSync(tar).subarray(0, -9) } }),
        /demo_1\.0_all\.deb/,
      ],
      [
        "more bytes than a package can have",
        () => only({ data: { name: "data.tar.gz", pack: () => gzipSync(Buffer.alloc(100 * 1024 ** 2)) } }),
        /demo_1\.0_all\.deb/,
      ],
    ])("with %s", async (_, make, message) => {
      const { error } = await outcome(make());
      expect(error).toMatchObject({ code: expect.stringMatching(/^(?:DEB|TAR|DECOMPRESS|ROOTFS|TREE|DEBIAN)_/) });
      expect(String(error)).toMatch(message);
    });

    test("that is another one than the index says", async () => {
      const files = suiteOf({ spoilIndex: (text) => text.replace("Version: 1.0", "Version: 2.0") });
      expect(await outcome(files)).toMatchObject(failed("verification", "DEB_INVALID", /Version: 1\.0.*2\.0/));
    });
  });
});

/** The same length, and another last byte. */
function flipped(bytes: Buffer | undefined): Buffer {
  const changed = Buffer.from(bytes ?? []);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}

function below(folder: string, files: Readonly<Record<string, Buffer>>): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]));
}
