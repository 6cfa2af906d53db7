import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createUbuntuMirror, requires, type UbuntuMirror } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Outcome, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

const TOOLS = ["gpg", "xz", "tar", "root", "unshare", "debian-mirror", "docker"] as const;

/** Against a mirror in Ubuntu's layout, of Debian's packages. */
describe.skipIf(requires(...TOOLS).skip)("Ubuntu made natively", { timeout: 120_000 }, () => {
  let sandbox: Sandbox;
  let images: TestImages;
  let mirror: UbuntuMirror;
  /** The image's name. */
  let noble: string;
  let ofNoble: Outcome;
  let ofFocal: Outcome;

  beforeAll(async () => {
    sandbox = createSandbox();
    images = testImages();
    noble = images.fresh();
    mkdirSync(sandbox.work("mirror"));
    mirror = await createUbuntuMirror(sandbox.work("mirror"));
    const build = (suite: string, ...more: readonly string[]) =>
      sandbox.run(["build", `ubuntu:${suite}`, "--mirror", mirror.dir, "--keyring", mirror.keyring, ...more]);
    ofNoble = await build("noble", "-t", noble);
    // The same scripts are not run again.
    ofFocal = await build("focal", "--configure", "none", "-o", "tar:focal.tar");
  }, 120_000);
  afterAll(() => {
    images.remove();
    sandbox.dispose();
  });

  const lsbRelease = ({ codename, release, name }: Readonly<Record<"codename" | "release" | "name", string>>) =>
    `DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=${release}\nDISTRIB_CODENAME=${codename}\nDISTRIB_DESCRIPTION="Ubuntu ${name}"`;

  test("says what it is, by the newest package of its updates, which zstd has packed", () => {
    expect(ofNoble).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("warning") });
    const archive = readFileSync(join(mirror.dir, "pool/main/base-files-noble-updates.deb"), "latin1");
    expect(archive.match(/(?:control|data)\.tar\.\w+/g)).toEqual(["control.tar.zst", "data.tar.zst"]);
    const facts = { codename: "noble", release: "24.04", name: "24.04.3 LTS" };
    expect(images.run(noble, "cat", "/etc/lsb-release")).toBe(lsbRelease(facts));
  });

  test("satisfies dpkg and apt", () => {
    const check = "dpkg --audit && dpkg --verify && apt-get check --quiet=2 && dpkg-query --show base-files";
    expect(images.run(noble, "sh", "-c", check)).toMatch(/^base-files\s\S+ubuntu10\.3$/);
  });

  test("has Ubuntu's own archive in its apt, as the mirror was a folder", () => {
    expect(images.run(noble, "cat", "/etc/apt/sources.list").split("\n")).toEqual(
      ["noble", "noble-updates", "noble-security"].map((suite) => `deb http://archive.ubuntu.com/ubuntu ${suite} main`),
    );
  });

  test("is built of a mirror that has no updates, which is told", () => {
    expect(ofFocal.exitCode).toBe(0);
    for (const suite of ["focal-updates", "focal-security"]) expect(ofFocal.stderr).toContain(`has no ${suite}`);
    const text = execFileSync("tar", ["-xOf", sandbox.work("focal.tar"), "etc/lsb-release"])
      .toString()
      .trimEnd();
    expect(text).toBe(lsbRelease({ codename: "focal", release: "20.04", name: "20.04.6 LTS" }));
  });
});
