import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { locationOf, podmanIn, requires } from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AlpineMirror, copyAlpineMirror } from "./alpine-mirror.ts";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { testImages } from "./test-images.ts";

/** Others work with the same engines. */
const REPOSITORY = `example.com/base-kit-test/alpine-${process.pid}`;
const NAME = `${REPOSITORY}:3.20`;
/** So that no time is changed. */
const AFTER_ALL_FILES = "2000000000";

/** One archive for all clients; Alpine, because it has hard links, setuid programs and hundreds of links. */
describe.skipIf(requires("alpine-mirror", "tar", "root").skip)("the archive of an image", () => {
  let sandbox: Sandbox;
  let mirror: AlpineMirror;
  let id: string;
  let archive: string;
  let work: string;

  beforeAll(async () => {
    sandbox = createSandbox();
    mirror = await copyAlpineMirror(sandbox.work("mirror"));
    archive = sandbox.work("image.tar");
    const args = ["build", "alpine:3.20", "--mirror", mirror.dir, "--source-date-epoch", AFTER_ALL_FILES, "-t", NAME];
    const outputs = ["-o", `docker-archive:${archive}`, "-o", `oci:${sandbox.work("layout")}:3.20`];
    ({ id } = await sandbox.json<{ readonly id: string }>([...args, ...outputs]));
  });
  afterAll(() => sandbox.dispose());
  beforeEach(() => {
    work = mkdtempSync(join(sandbox.dir, "w"));
  });

  function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
    const own = { HOME: work, TMPDIR: work, XDG_RUNTIME_DIR: work, ...env };
    return execFileSync(program, args, { env: { ...process.env, ...own }, encoding: "utf8", stdio: "pipe" }).trim();
  }

  test.skipIf(requires("docker").skip)("loads in docker", () => {
    const images = testImages();
    try {
      expect(images.docker(["load", "--input", archive])).toContain(`Loaded image: ${NAME}`);
      expect(images.inspect(NAME).Id).toBe(id);
      expect(images.run(NAME, "/sbin/apk", "--version")).toContain("apk-tools");
    } finally {
      images.docker(["image", "rm", "--force", NAME]);
    }
  });

  test.skipIf(requires("podman").skip)("loads in podman, and runs there", () => {
    const { podman } = podmanIn(work);
    expect(podman("load", "--input", archive)).toContain(NAME);
    expect(`sha256:${podman("image", "inspect", "--format", "{{.Id}}", NAME)}`).toBe(id);
    expect(podman("run", "--rm", "--network", "none", NAME, "/sbin/apk", "--version")).toContain("apk-tools");
  });

  test.skipIf(requires("ctr").skip)("loads in containerd, which unpacks it", () => {
    const namespace = `base-kit-test-${process.pid}`;
    const ctr = (...args: readonly string[]) => run("ctr", ["--address", locationOf("ctr"), "-n", namespace, ...args]);
    try {
      ctr("images", "import", archive);
      expect(ctr("images", "ls", "--quiet").split("\n")).toContain(NAME);
      expect(ctr("images", "check", `name==${NAME}`)).toMatch(/complete \(\d+\/\d+\).*true/);
    } finally {
      for (const name of ctr("images", "ls", "--quiet").split("\n").filter(Boolean))
        ctr("images", "rm", "--sync", name);
      spawnSync("ctr", ["--address", locationOf("ctr"), "namespaces", "rm", namespace]);
    }
  });

  test.skipIf(requires("skopeo").skip)("is an OCI archive and a Docker archive for skopeo", () => {
    for (const source of [
      `oci-archive:${archive}`,
      `docker-archive:${archive}`,
      `oci:${sandbox.work("layout")}:3.20`,
    ]) {
      const target = join(work, source.replaceAll(/\W/g, "-"));
      run("skopeo", ["copy", "--insecure-policy", source, `dir:${target}`]);
      const config = JSON.parse(run("skopeo", ["inspect", "--config", "--raw", source]));
      expect(config).toMatchObject({ os: "linux", config: { Cmd: ["/bin/sh"] } });
      expect(JSON.parse(run("cat", [join(target, "manifest.json")])).config.digest).toBe(id);
    }
  });

  test.skipIf(requires("umoci").skip)("unpacks by umoci to the tree of Alpine's own archive", () => {
    run("umoci", ["unpack", "--image", `${sandbox.work("layout")}:3.20`, join(work, "bundle")]);
    const own = join(work, "own");
    mkdirSync(own);
    run("tar", ["-C", own, "--numeric-owner", "-p", "-xf", join(mirror.dir, mirror.minirootfs)]);
    expect(listTree(join(work, "bundle/rootfs"))).toBe(listTree(own));
  });
});
