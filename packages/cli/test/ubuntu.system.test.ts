import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  createGpgHome,
  createUbuntuMirror,
  locationOf,
  type Mirror,
  makeDebSuite,
  requires,
  startMirror,
  type UbuntuMirror,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Outcome, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

const TOOLS = ["gpg", "xz", "tar", "root", "unshare", "debian-mirror", "docker"] as const;

/** Against a mirror in Ubuntu's layout, of Debian's packages. */
describe.skipIf(requires(...TOOLS).skip)("Ubuntu made natively", () => {
  let sandbox: Sandbox;
  let images: TestImages;
  let mirror: UbuntuMirror;
  /** Somebody else's archive, by its own key. */
  let added: Mirror;
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
    using gpg = createGpgHome();
    const by = [gpg.generate()];
    const packages = [{ name: "extra", files: { "usr/extra": "of the other archive" } }];
    added = await startMirror(makeDebSuite({ suite: "stuff", packages }, (release) => gpg.clearsign(release, { by })));
    writeFileSync(sandbox.work("added.gpg"), gpg.exportKeys());
    const repository = `deb [signed-by=${sandbox.work("added.gpg")}] ${added.url} stuff main`;
    const build = (suite: string, ...more: readonly string[]) =>
      sandbox.run(["build", `ubuntu:${suite}`, "--mirror", mirror.dir, "--keyring", mirror.keyring, ...more]);
    ofNoble = await build("noble", "--repository", repository, "-t", noble);
    // The same scripts are not run again.
    ofFocal = await build("focal", "--configure", "none", "-o", "tar:focal.tar");
  });
  afterAll(async () => {
    await added.close();
    images.remove();
    sandbox.dispose();
  });

  /** While the added archive answers. */
  const runBeside = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, DOCKER_HOST: locationOf("docker") };
    const { stdout } = await promisify(execFile)("docker", ["run", "--rm", ...args], { env });
    return stdout;
  };

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
    expect(images.run(noble, "cat", "/etc/apt/sources.list").split("\n")).toEqual([
      ...["noble", "noble-updates", "noble-security"].map(
        (suite) => `deb http://archive.ubuntu.com/ubuntu ${suite} main`,
      ),
      expect.stringMatching(/^deb \[signed-by=\/etc\/apt\/keyrings\/added-[0-9a-f]{8}\.gpg\] http:\S+ stuff main$/),
    ]);
  });

  test("installs from the archive that was added, by its key in the image and no other", async () => {
    const script = [
      // Those are not at hand.
      "sed -i /ubuntu.com/d /etc/apt/sources.list",
      "sed 's/ .signed-by[^ ]*//' /etc/apt/sources.list > /tmp/without-key",
      "if apt-get update -qq --error-on=any -o Dir::Etc::sourcelist=/tmp/without-key 2>/tmp/why; then exit 9; fi",
      "grep -o NO_PUBKEY /tmp/why | head -n 1",
      "apt-get update -qq --error-on=any",
      "apt-get install -qq --yes extra >/tmp/log 2>&1 || cat /tmp/log",
      "cat /usr/extra; dpkg --audit; apt-get check -qq",
    ];
    expect(await runBeside("--network", "host", noble, "sh", "-ec", script.join("\n"))).toBe(
      "NO_PUBKEY\nof the other archive",
    );
  });

  test("passes what docker-library asks of every image: its command gives way, UTC, no passwords", async () => {
    const passwords = "{ if ($2 !~ /^[*!x]*$/) print }";
    const [overridden, byDefault, zone, secrets] = await Promise.all([
      runBeside(noble, "echo", "Hello", "world 123"),
      runBeside("--env", "A=b", noble),
      runBeside("--entrypoint", "date", noble, "+%Z"),
      runBeside("--entrypoint", "awk", noble, "-F:", passwords, "/etc/passwd", "/etc/shadow", "/etc/group"),
    ]);
    expect({ overridden, byDefault, zone, secrets }).toEqual({
      ...{ overridden: "Hello world 123\n", byDefault: "", zone: "UTC\n", secrets: "" },
    });
    expect(images.inspect(noble).Config).toMatchObject({ Cmd: ["bash"] });
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
