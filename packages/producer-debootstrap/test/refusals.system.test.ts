import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { createGpgHome, type GpgHome, requires, type SigningKey, startMirror } from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { debootstrap } from "../src/index.ts";
import { releaseText, writeFakeDebootstrap, writeMirror } from "./small-mirror.ts";

const LAST_YEAR = "20250301T000000";

// A debootstrap that would leave a trace stands first in PATH; scripts and keys are the real ones.
describe.skipIf(requires("debootstrap", "gpg", "gpgv", "root").skip)("before debootstrap is started", () => {
  let dir: string;
  let gpg: GpgHome;
  let keys: Record<"good" | "expired" | "stranger", SigningKey>;
  let fake: ReturnType<typeof writeFakeDebootstrap>;
  let cacheDir: string;
  /** Begun before the others and looked at after them: a mirror that does not answer is asked again for some seconds. */
  let unreachable: { readonly cacheDir: string; readonly error: Promise<unknown> };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    gpg = createGpgHome();
    keys = {
      good: gpg.generate(),
      expired: gpg.generate({ at: "20250101T000000", expires: "2025-06-01" }),
      stranger: gpg.generate(),
    };
    writeFileSync(join(dir, "keyring.gpg"), gpg.exportKeys([keys.good, keys.expired]));
    fake = writeFakeDebootstrap(join(dir, "bin"));
    const mirror = await startMirror({});
    await mirror.close();
    const own = mkdtempSync(join(dir, "cache-"));
    unreachable = { cacheDir: own, error: build({ mirror: mirror.url, within: own }) };
  });
  afterAll(() => {
    gpg[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    cacheDir = mkdtempSync(join(dir, "cache-"));
  });

  interface Asked {
    readonly release?: string;
    readonly options?: object;
    readonly mirror?: string;
    readonly between?: () => void;
    /** For the cache and temporary files. @default that of the test */
    readonly within?: string;
  }

  /** Resolves and produces as the command line does, with something in between; what comes out is the error. */
  async function build({
    release = "bookworm",
    mirror = "http://127.0.0.1/",
    options = {},
    between,
    within = cacheDir,
  }: Asked): Promise<unknown> {
    const env = { ...process.env, PATH: fake.path, TMPDIR: within };
    await using context = await createContext({ createStore, env, cacheDir: within });
    try {
      const parsed = (await debootstrap.schema()).parse({ keyring: join(dir, "keyring.gpg"), mirror, ...options });
      const request = { release, platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
      const lock = await debootstrap.resolve(request, context);
      between?.();
      return await debootstrap.produce(lock, context);
    } catch (error) {
      return error;
    }
  }

  const sign = (text = releaseText()) => gpg.clearsign(text, { by: [keys.good] });
  const inRelease = (content: string) =>
    writeMirror(mkdtempSync(join(dir, "mirror-")), { "dists/bookworm/InRelease": content });

  test.each([
    ["a tampered Release", "SIGNATURE_BAD", "verification", () => sign().replace("Origin: Debian", "Origin: Deviant")],
    ["an unsigned one", "SIGNATURE_MISSING", "verification", () => releaseText()],
    [
      "one by an unknown key",
      "SIGNATURE_UNKNOWN_KEY",
      "verification",
      () => gpg.clearsign(releaseText(), { by: [keys.stranger] }),
    ],
    [
      "one by an expired key",
      "SIGNATURE_KEY_EXPIRED",
      "verification",
      () => gpg.clearsign(releaseText(), { by: [keys.expired], at: LAST_YEAR }),
    ],
    ["SHA-1", "SIGNATURE_WEAK", "verification", () => gpg.clearsign(releaseText(), { by: [keys.good], hash: "SHA1" })],
    ["text before the signed part", "SIGNATURE_UNSIGNED_TEXT", "verification", () => `Suite: bookworm\n${sign()}`],
    [
      "another suite's Release",
      "RELEASE_WRONG_SUITE",
      "verification",
      () => sign(releaseText({ suite: "stable", codename: "trixie" })),
    ],
    ["one that is out of date", "RELEASE_EXPIRED", "verification", () => sign(releaseText({ validUntil: -3600 }))],
    ["one from the future", "RELEASE_FROM_FUTURE", "verification", () => sign(releaseText({ date: 3600 }))],
    [
      "one without this architecture",
      "RELEASE_WITHOUT_ARCHITECTURE",
      "unsupported",
      () => sign(releaseText({ architectures: "sparc" })),
    ],
    [
      "one without this component",
      "RELEASE_WITHOUT_COMPONENT",
      "usage",
      () => sign(releaseText({ components: "contrib" })),
    ],
    ["a login page", "SIGNATURE_IS_HTML", "network", () => "<html><title>Login</title></html>"],
  ])("%s is refused: %s", async (_, code, kind, content) => {
    expect(await build({ mirror: inRelease(content()) })).toMatchObject({ code, kind });
    expectUntouched();
  });

  test.each([
    ["a suite that does not exist", { release: "bookwrm" }, "SUITE_UNKNOWN"],
    ["a suite that is a path", { release: "../../etc" }, "SUITE_INVALID"],
    ["a suite that is an option", { release: "--help" }, "SUITE_INVALID"],
    ["a mirror with credentials", { mirror: "http://user:secret@127.0.0.1/debian" }, "MIRROR_WITH_CREDENTIALS"],
  ])("%s is refused", async (_, asked, code) => {
    expect(await build(asked)).toMatchObject({ code, kind: "usage" });
    expectUntouched();
  });

  test("a missing keyring that was named is told, and no package that would not bring it", async () => {
    const named = join(dir, "none.gpg");
    const error = await build({ mirror: inRelease(sign()), options: { keyring: named } });
    expect(error).toMatchObject({
      code: "KEYRING_MISSING",
      kind: "environment",
      message: `the archive of debian cannot be verified: cannot read the keyring ${named}: there is no such file`,
      hint: expect.stringMatching(/^Give --keyring a file (?!.*archive-keyring)/),
    });
    expectUntouched();
  });

  test("a mirror without the suite is told", async () => {
    await using mirror = await startMirror({});
    expect(await build({ mirror: mirror.url })).toMatchObject({ code: "SUITE_NOT_ON_MIRROR", kind: "network" });
    expect(mirror.requests.map(({ path }) => path)).toEqual(["dists/bookworm/InRelease", "dists/bookworm/Release"]);
    expectUntouched();
  });

  test("a mirror that fails is not asked for the older form of signatures", async () => {
    const failing = { "dists/bookworm/InRelease": Array.from({ length: 20 }, () => ({ status: 403 })) };
    await using mirror = await startMirror({ "dists/bookworm/InRelease": sign() }, { faults: failing });
    expect(await build({ mirror: mirror.url })).toMatchObject({ kind: "network" });
    expect(new Set(mirror.requests.map(({ path }) => path))).toEqual(new Set(["dists/bookworm/InRelease"]));
    expectUntouched();
  });

  test("a mirror that changed since the lock was made is told with both states", async () => {
    const mirror = inRelease(sign());
    const changed = { "dists/bookworm/InRelease": sign(releaseText({ date: -60 })) };
    const error = await build({ mirror, between: () => writeMirror(mirror, changed) });
    expect(error).toMatchObject({ code: "LOCK_MISMATCH", kind: "verification" });
    expect((error as Error).message).toMatch(/expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}/);
    expectUntouched();
  });

  test("a keyring that changed since the lock was made is told", async () => {
    const keyring = join(dir, "changing.gpg");
    writeFileSync(keyring, gpg.exportKeys([keys.good]));
    const between = () => writeFileSync(keyring, gpg.exportKeys([keys.good, keys.stranger]));
    const error = await build({ mirror: inRelease(sign()), options: { keyring }, between });
    expect(error).toMatchObject({ code: "LOCK_MISMATCH", message: expect.stringContaining("changing.gpg") });
    expectUntouched();
  });

  test("a temporary folder whose path debootstrap would take apart is told", async () => {
    cacheDir = mkdtempSync(join(dir, "a b-"));
    expect(await build({ mirror: inRelease(sign()) })).toMatchObject({ code: "TEMP_DIR_NAME", kind: "environment" });
    expectUntouched();
  });

  test("a Release with a detached signature does as well, and the fake would have run", async () => {
    const release = releaseText();
    const files = {
      "dists/bookworm/Release": release,
      "dists/bookworm/Release.gpg": gpg.sign(release, { by: [keys.good] }),
    };
    const error = await build({ mirror: writeMirror(mkdtempSync(join(dir, "mirror-")), files) });
    expect(error).toMatchObject({ code: "DEBOOTSTRAP_FAILED" });
    expect(readFileSync(fake.trace, "utf8")).toContain("--force-check-gpg bookworm");
    rmSync(fake.trace);
  });

  test("a mirror that cannot be reached is told", async () => {
    expect(await unreachable.error).toMatchObject({
      kind: "network",
      message: expect.stringContaining("127.0.0.1"),
    });
    expectUntouched(unreachable.cacheDir);
  });

  function expectUntouched(folder = cacheDir): void {
    expect(existsSync(fake.trace)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith("base-kit-"))).toEqual([]);
  }
});
