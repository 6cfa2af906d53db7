import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locationOf, type RegistryServer, requires, startRegistry } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

interface Built {
  readonly id: string;
  readonly references: readonly string[];
}

describe.skipIf(requires("alpine-mirror", "docker", "docker-registry").skip)("an image on top of another", () => {
  let sandbox: Sandbox;
  let images: TestImages;
  let registry: RegistryServer;
  let dir: string;
  let base: string;
  let alpine: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "bk-registry-"));
    registry = await startRegistry({ dir });
    sandbox = createSandbox();
    images = testImages();
    base = `${registry.host}/demo/base:1`;
    alpine = images.fresh();
    await build("alpine:3.20", "--mirror", locationOf("alpine-mirror"), "-t", alpine);
    makeBase();
  });
  afterAll(async () => {
    images.docker(["image", "rm", "--force", base]);
    images.remove();
    sandbox.dispose();
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const build = (...args: readonly string[]) => sandbox.json<Built>(["build", ...args]);

  /** What docker makes of a Dockerfile that deletes, replaces and adds, in a registry. */
  function makeBase(): void {
    const folder = sandbox.work("context");
    mkdirSync(folder, { recursive: true });
    const lines = [
      `FROM ${alpine}`,
      "RUN rm -rf /etc/apk/keys /etc/motd && mkdir /etc/motd && echo one > /etc/motd/marker",
      "ENV FROM_BASE=yes",
      "LABEL base=1",
      'ENTRYPOINT ["/bin/echo", "entry"]',
      "HEALTHCHECK --interval=7s --retries=2 CMD test -d /etc/motd",
      'SHELL ["/bin/ash", "-c"]',
      "ONBUILD ENV BUILT_ON=base",
    ];
    writeFileSync(join(folder, "Dockerfile"), lines.join("\n"));
    images.docker(["build", "--network", "none", "--tag", base, folder]);
    images.docker(["push", "--quiet", base]);
  }

  /** The newest first. */
  const steps = (image: string) =>
    images.docker(["history", "--no-trunc", "--format", "{{.CreatedBy}}", image]).split("\n");

  test("from a registry, with what it inherits and what is new", async () => {
    const name = images.fresh();
    const args = [`image:${base}`, "-t", name, "--env", "OWN=1", "--path-exclude", "/usr/share/apk/*", "--lockfile"];
    await build(...args);
    const inspected = images.inspect(name);
    expect(inspected.Config.Env).toEqual(expect.arrayContaining(["FROM_BASE=yes", "OWN=1"]));
    expect(inspected).toMatchObject({ Config: { Labels: { base: "1" }, Entrypoint: ["/bin/echo", "entry"] } });
    expect(inspected).toMatchObject({
      Config: {
        Healthcheck: { Test: ["CMD-SHELL", "test -d /etc/motd"], Interval: 7e9, Retries: 2 },
        Shell: ["/bin/ash", "-c"],
        OnBuild: ["ENV BUILT_ON=base"],
      },
    });
    expect(steps(name)).toEqual([`base-kit build image:${base}`, ...steps(base)]);
    expect(images.docker(["run", "--rm", "--network", "none", name, "x"])).toBe("entry x");
    const command = "cat /etc/motd/marker; ls /etc/apk/keys 2>/dev/null | wc -l; apk --version";
    const shell = ["run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", name, "-c", command];
    expect(images.docker(shell)).toMatch(/^one\n0\napk-tools/);
    // The lock pins it: what the tag stands for now does not matter, nor whether the registry can be reached.
    const pinned = readFileSync(sandbox.work("base-kit.lock"), "utf8");
    await sandbox.json(["copy", `docker-daemon:${alpine}`, `docker://${base}`]);
    const again = await build(...args, "--frozen-lockfile", "--offline", "-o", "docker-archive:again.tar");
    expect(again.id).toBe(inspected.Id);
    expect(readFileSync(sandbox.work("base-kit.lock"), "utf8")).toBe(pinned);
  });

  test("with its layers, of which nothing is sent again", async () => {
    const name = images.fresh();
    const args = [`image:docker-daemon:${base}`, "--keep-layers"];
    const outputs = [`docker-daemon:${name}`, "oci:kept:x", `docker://${registry.host}/kept:1`];
    const lock = ["--lockfile", "kept.lock"];
    await build(...args, "--env", "OWN=1", ...lock, ...outputs.flatMap((output) => ["-o", output]));
    const [old, made] = [images.inspect(base), images.inspect(name)];
    expect(made.RootFS.Layers).toEqual(old.RootFS.Layers);
    expect(steps(name)).toEqual([`base-kit build image:docker-daemon:${base}`, ...steps(base)]);
    expect(made.Config.Env).toEqual(expect.arrayContaining(["FROM_BASE=yes", "OWN=1"]));
    expect((await sandbox.run(["verify", "oci:kept:x", ...lock])).exitCode).toBe(0);
    const changed = await sandbox.run(["build", ...args, "--source-date-epoch", "1", "-o", "oci:kept:y"]);
    expect(changed.exitCode).toBe(2);
    expect(changed.stderr).toContain("LAYERS_CHANGED");
  });

  test.each(["registry", "layout"])("of a %s that is gone, from the copies that were made", async (where) => {
    await sandbox.json(["copy", `docker-daemon:${base}`, "oci:gone:x"]);
    const gone = `docker://${registry.host}/demo/gone:1`;
    await sandbox.json(["copy", "oci:gone:x", gone]);
    const spec = [`image:${where === "registry" ? gone : "oci:gone:x"}`];
    const lock = ["--lockfile", `${where}.lock`, "--vendor", `${where}-copies`];
    const locked = await sandbox.json<{ readonly vendored: object }>(["lock", ...spec, ...lock]);
    expect(locked.vendored).toMatchObject({ skipped: [] });
    rmSync(sandbox.work("gone"), { recursive: true });
    const offline = ["--offline", "--cache-dir", sandbox.work(`new cache of ${where}`)];
    const made = await build(...spec, ...lock, ...offline, "-o", `oci:${where}-made:x`);
    expect(made.references).toEqual([`oci:${where}-made:x`]);
  });

  test("from the engine; packages cannot be added to it", async () => {
    const outcome = await sandbox.run(["build", `image:docker-daemon:${base}`, "--include", "curl"]);
    expect(outcome.exitCode).toBe(2);
    expect(outcome.stderr).toContain("it has no --include");
    const built = await build(`image:docker-daemon:${base}`, "-o", "oci:layout:x");
    expect(built.references).toEqual(["oci:layout:x"]);
    const keeping = await sandbox.run(["build", "image:oci:layout:x", "--keep-layers", "-o", "tar:layout.tar"]);
    expect(keeping.exitCode).toBe(2);
    expect(keeping.stderr).toContain("--keep-layers and -o tar: exclude each other");
    expect(await sandbox.leftovers()).toEqual([]);
  });
});
