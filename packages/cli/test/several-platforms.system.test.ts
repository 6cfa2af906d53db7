import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locationOf, newApkKey, podmanIn, requires, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { testImages } from "./test-images.ts";

const NAME = "example.com/base-kit-test/both:1";
const THIS = process.arch === "arm64" ? "arm64" : "amd64";

interface Built {
  readonly id: string;
  readonly sboms: readonly string[];
  readonly images: readonly { readonly platform: string; readonly config: string; readonly manifest: string }[];
}

describe.skipIf(requires("alpine-mirror", "tar").skip)("an image for two architectures", () => {
  let sandbox: Sandbox;
  let built: Built;
  let args: readonly string[];
  const path = (name: string) => sandbox.work(name);

  beforeAll(async () => {
    sandbox = createSandbox();
    const mirror = await copyAlpineMirror(path("mirror"), "x86_64");
    await copyAlpineMirror(path("mirror"), "aarch64");
    args = ["build", "alpine:3.20", "--mirror", mirror.dir, "--arch", "amd64,arm64", "-t", NAME];
    const outputs = ["oci-archive:both.tar", "oci:layout:x", "docker-archive:one.tar", "tar:root.tar.gz"];
    const sboms = ["--sbom", "both.spdx.json", "--sbom", "cyclonedx-json=list"];
    built = await sandbox.json<Built>([...args, ...outputs.flatMap((output) => ["-o", output]), ...sboms]);
  });
  afterAll(() => sandbox.dispose());

  const read = (program: string, ...more: readonly string[]) =>
    execFileSync(program, more, { cwd: path("."), encoding: "utf8", stdio: "pipe" }).trim();
  const configOf = (architecture: string) =>
    built.images.find(({ platform }) => platform === `linux/${architecture}`)?.config as string;

  test("is one index of the same bytes in every output that can hold it", () => {
    expect(built.images.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
    const index = JSON.parse(readFileSync(path("layout/index.json"), "utf8")).manifests[0];
    expect(index).toMatchObject({ mediaType: "application/vnd.oci.image.index.v1+json", digest: built.id });
    const document = JSON.parse(readFileSync(path(`layout/blobs/${built.id.replace(":", "/")}`), "utf8"));
    expect(document.manifests.map(({ digest }: { readonly digest: string }) => digest)).toEqual(
      built.images.map(({ manifest }) => manifest),
    );
  });

  test("has a list of packages for each", () => {
    const names = ["both.amd64.spdx.json", "list.amd64", "both.arm64.spdx.json", "list.arm64"];
    expect(built.sboms).toEqual(names);
    expect(names.filter((name) => !existsSync(path(name)))).toEqual([]);
  });

  test.skipIf(requires("skopeo").skip)("gives skopeo each of them, and all", () => {
    for (const source of ["oci-archive:both.tar", "oci:layout:x"]) {
      for (const architecture of ["amd64", "arm64"]) {
        const raw = read("skopeo", "--override-arch", architecture, "inspect", "--config", "--raw", source);
        expect(JSON.parse(raw).architecture).toBe(architecture);
      }
      read("skopeo", "copy", "--insecure-policy", "--all", "--quiet", source, "dir:copied");
      expect(read("sha256sum", "copied/manifest.json")).toContain(built.id.slice("sha256:".length));
    }
  });

  test.skipIf(requires("docker", "root").skip)("gives an engine and a Docker archive the one that fits", async () => {
    const images = testImages();
    try {
      expect(images.docker(["load", "--input", path("one.tar")])).toContain(NAME);
      expect(images.inspect(NAME).Id).toBe(configOf(THIS));
      images.docker(["save", "--output", path("saved.tar"), NAME]);
      expect(read("tar", "-xOf", "saved.tar", "manifest.json")).toContain(configOf(THIS).slice("sha256:".length));
      const name = images.fresh();
      await sandbox.json([...args, "-o", `docker-daemon:${name}`]);
      expect(images.inspect(name).Id).toBe(configOf(THIS));
      expect(images.run(name, "/bin/cat", "/etc/alpine-release")).toBe("3.20.3");
    } finally {
      images.remove();
      spawnSync("docker", ["image", "rm", "--force", NAME], {
        env: { ...process.env, DOCKER_HOST: locationOf("docker") },
      });
    }
  });

  test.skipIf(requires("podman", "root").skip)("loads in podman, which takes the one that fits", () => {
    const folder = path("podman");
    mkdirSync(folder);
    const { podman } = podmanIn(folder);
    podman("load", "--input", path("both.tar"));
    expect(`sha256:${podman("image", "inspect", "--format", "{{.Id}}", NAME)}`).toBe(configOf(THIS));
    expect(podman("run", "--rm", "--network", "none", NAME, "/bin/cat", "/etc/alpine-release")).toBe("3.20.3");
  });

  test.skipIf(requires("ctr").skip)("is imported by containerd with all its platforms", () => {
    const namespace = `base-kit-test-both-${process.pid}`;
    const ctr = (...more: readonly string[]) => read("ctr", "--address", locationOf("ctr"), "-n", namespace, ...more);
    try {
      ctr("images", "import", "--all-platforms", "--no-unpack", path("both.tar"));
      expect(ctr("images", "ls")).toContain(built.id);
      expect(ctr("images", "ls")).toContain("linux/amd64,linux/arm64");
    } finally {
      for (const name of ctr("images", "ls", "--quiet").split("\n").filter(Boolean))
        ctr("images", "rm", "--sync", name);
      spawnSync("ctr", ["--address", locationOf("ctr"), "namespaces", "rm", namespace]);
    }
  });

  test("is refused when a package has another version on each, unless that is allowed", async () => {
    const key = newApkKey();
    const repository = path("mirror/v3.20/main");
    for (const [architecture, version] of [
      ["x86_64", "1.0-r0"],
      ["aarch64", "1.1-r0"],
    ] as const) {
      writeApkRepository(
        repository,
        [{ name: "one", version, files: { "usr/share/one": version } }],
        key,
        architecture,
      );
    }
    const skewed = [...args, "--keyring", join(repository, key.name), "--include", "one", "-o", "oci:skewed:x"];
    const refused = await sandbox.run(skewed);
    expect(refused.stderr).toContain("one 1.0-r0 (linux/amd64) and 1.1-r0 (linux/arm64)");
    expect(refused).toMatchObject({ exitCode: 3, stdout: "" });
    expect(existsSync(path("skewed"))).toBe(false);
    const allowed = await sandbox.json<Built>([...skewed, "--allow-version-skew"]);
    expect(allowed.images.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
  });

  test("is refused when an architecture is named twice", async () => {
    const twice = args.with(args.indexOf("amd64,arm64"), "amd64,x86_64");
    const { exitCode, stderr } = await sandbox.run(twice);
    expect(stderr).toContain("--arch names linux/amd64 twice");
    expect(exitCode).toBe(2);
  });

  test.skipIf(requires("root", "zstd").skip)("as a directory is this machine's tree, as root has it", async () => {
    await sandbox.json([...args, "-o", "rootfs:tree", "-o", "tar:tree.tar.zst", "-o", "tar:tree.tar"]);
    mkdirSync(path("own"));
    read("tar", "-x", "--numeric-owner", "-p", "-f", "tree.tar", "-C", "own");
    expect(listTree(path("tree"))).toBe(listTree(path("own")));
    const again = await sandbox.run([...args, "-o", "rootfs:tree"]);
    expect(again.stderr).toContain("there is something in it");
    expect(again.exitCode).toBe(2);
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test.skipIf(requires("root").skip)("as a directory without root is the user's own, and is told of", async () => {
    const own = path("user");
    mkdirSync(own);
    chmodSync(sandbox.dir, 0o755);
    chmodSync(path("."), 0o755);
    chownSync(own, 12345, 12345);
    const env = { HOME: own, TMPDIR: own, XDG_CACHE_HOME: own, XDG_RUNTIME_DIR: own };
    const through = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"];
    const { exitCode, stderr } = await sandbox.run([...args, "-o", "rootfs:tree"], { cwd: own, env, through });
    expect(stderr).toContain("without root, all files belong to you");
    expect(exitCode).toBe(0);
    expect(readFileSync(join(own, "tree/etc/alpine-release"), "utf8")).toBe("3.20.3\n");
    expect(read("find", join(own, "tree"), "-not", "-user", "12345")).toBe("");
    expect(readdirSync(own).filter((name) => name.includes(".tmp-"))).toEqual([]);
  });
});
