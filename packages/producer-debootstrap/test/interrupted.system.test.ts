import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, requires, type UbuntuMirror } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildInProcess, leftoversOf } from "./build-in-process.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "unshare", "root", "debian-mirror"] as const;

describe.skipIf(requires(...TOOLS).skip)("a build that does not come to its end", { timeout: 300_000 }, () => {
  let dir: string;
  let mirror: UbuntuMirror;
  let cacheDir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    mirror = await createUbuntuMirror(mkdtempSync(join(dir, "mirror-")));
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  beforeEach(() => {
    cacheDir = mkdtempSync(join(dir, "cache-"));
  });
  afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

  const request = () => ({ release: "focal", cacheDir, options: { mirror: mirror.dir, keyring: mirror.keyring } });
  const temporary = () => readdirSync(cacheDir).filter((name) => name.startsWith("base-kit-"));

  test.each([
    ["retrieving", "SIGINT", 130],
    ["unpacking", "SIGTERM", 143],
  ] as const)("while %s, by %s, leaves nothing", async (phase, signal, exitCode) => {
    const build = buildInProcess(request());
    await build.until(({ type, title }) => type === "step.started" && title === `${phase} packages`);
    expect(temporary()).toHaveLength(1);
    build.child.kill(signal);
    expect(await build.ended).toEqual({ code: exitCode, signal: null });
    expect(build.told.at(-1)).toMatchObject({ type: "error", code: "INTERRUPTED" });
    expect(leftoversOf(cacheDir)).toEqual([]);
    expect(temporary()).toEqual([]);
  });

  test.each(["extracting", "configuring"])(
    "while %s, by SIGKILL, leaves no process and no mount, and the next one sweeps",
    async (phase) => {
      const build = buildInProcess(request());
      await build.until(({ type, title }) => type === "step.started" && title === `${phase} packages`);
      build.child.kill("SIGKILL");
      expect(await build.ended).toEqual({ code: null, signal: "SIGKILL" });
      for (let waited = 0; leftoversOf(cacheDir).length > 0 && waited < 2000; waited += 50) await sleep(50);
      expect(leftoversOf(cacheDir)).toEqual([]);
      expect(temporary()).toHaveLength(1);
      await using _ = await createContext({ createStore, cacheDir, env: { TMPDIR: cacheDir } });
      expect(temporary().filter((name) => !name.startsWith(`base-kit-${process.pid}-`))).toEqual([]);
    },
  );

  test("without root is told, and what to do", async () => {
    const nobody = 65_534;
    for (const path of [dir, mirror.dir]) chmodSync(path, 0o755);
    chownSync(cacheDir, nobody, nobody);
    const build = buildInProcess(request(), { uid: nobody });
    await build.ended;
    expect(build.told.at(-1)).toMatchObject({
      code: "NOT_ROOT",
      kind: "environment",
      hint: expect.stringContaining("sudo"),
    });
  });

  test.each([
    ["a disk that is too small from the start", "size=64m", "DISK_FULL"],
    ["a disk that fills up", "size=150m", "DISK_FULL"],
    ["no devices", "nodev,size=600m", "TEMP_DIR_NODEV"],
    ["no programs", "noexec,size=600m", "TEMP_DIR_NOEXEC"],
  ])("for %s, is told with the mount", async (_, mount, code) => {
    const build = buildInProcess(request(), { mount });
    await build.ended;
    const error = build.told.at(-1);
    expect(error).toMatchObject({ type: "error", code, kind: "environment" });
    expect(error?.message).toContain(cacheDir);
    expect(leftoversOf(cacheDir)).toEqual([]);
  });
});
