import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, requires, type UbuntuMirror } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildInProcess, leftoversOf } from "./build-in-process.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "unshare", "root", "debian-mirror"] as const;

// All at once, each in folders of its own: what they wait for is events, not time.
describe
  .skipIf(requires(...TOOLS).skip)
  .concurrent("a build that does not come to its end", { timeout: 300_000 }, () => {
    let dir: string;
    let mirror: UbuntuMirror;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
      mirror = await createUbuntuMirror(mkdtempSync(join(dir, "mirror-")));
    });
    afterAll(() => rmSync(dir, { recursive: true, force: true }));
    const makeCacheDir = () => mkdtempSync(join(dir, "cache-"));
    const request = (cacheDir: string) => {
      return { release: "focal", cacheDir, options: { mirror: mirror.dir, keyring: mirror.keyring } };
    };
    const temporary = (cacheDir: string) => readdirSync(cacheDir).filter((name) => name.startsWith("base-kit-"));

    test.each([
      ["retrieving", "SIGINT", 130],
      ["unpacking", "SIGTERM", 143],
    ] as const)("while %s, by %s, leaves nothing", async (phase, signal, exitCode) => {
      const cacheDir = makeCacheDir();
      const build = buildInProcess(request(cacheDir));
      await build.until(({ type, title }) => type === "step.started" && title === `${phase} packages`);
      expect(temporary(cacheDir)).toHaveLength(1);
      build.child.kill(signal);
      expect(await build.ended).toEqual({ code: exitCode, signal: null });
      expect(build.told.at(-1)).toMatchObject({ type: "error", code: "INTERRUPTED" });
      expect(leftoversOf(cacheDir)).toEqual([]);
      expect(temporary(cacheDir)).toEqual([]);
    });

    test.each(["extracting", "configuring"])(
      "while %s, by SIGKILL, leaves no process and no mount, and the next one sweeps",
      async (phase) => {
        const cacheDir = makeCacheDir();
        const build = buildInProcess(request(cacheDir));
        await build.until(({ type, title }) => type === "step.started" && title === `${phase} packages`);
        build.child.kill("SIGKILL");
        expect(await build.ended).toEqual({ code: null, signal: "SIGKILL" });
        for (let waited = 0; leftoversOf(cacheDir).length > 0 && waited < 60_000; waited += 50) await sleep(50);
        expect(leftoversOf(cacheDir)).toEqual([]);
        expect(temporary(cacheDir)).toHaveLength(1);
        await using _ = await createContext({ createStore, cacheDir, env: { TMPDIR: cacheDir } });
        expect(temporary(cacheDir).filter((name) => !name.startsWith(`base-kit-${process.pid}-`))).toEqual([]);
      },
    );

    test("without root is told, and what to do", async () => {
      const nobody = 65_534;
      const cacheDir = makeCacheDir();
      for (const path of [dir, mirror.dir]) chmodSync(path, 0o755);
      chownSync(cacheDir, nobody, nobody);
      const build = buildInProcess(request(cacheDir), { uid: nobody });
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
      const cacheDir = makeCacheDir();
      const build = buildInProcess(request(cacheDir), { mount });
      await build.ended;
      const error = build.told.at(-1);
      expect(error).toMatchObject({ type: "error", code, kind: "environment" });
      expect(error?.message).toContain(cacheDir);
      expect(leftoversOf(cacheDir)).toEqual([]);
    });
  });
