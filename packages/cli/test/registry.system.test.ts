import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locationOf, type RegistryServer, requires, startRegistry } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { testImages } from "./test-images.ts";

interface Copied {
  readonly references: readonly string[];
  readonly digest: string;
  readonly platforms: readonly string[];
}

describe.skipIf(requires("alpine-mirror", "docker-registry").skip)("a registry on this machine", () => {
  let sandbox: Sandbox;
  let registry: RegistryServer;
  let dir: string;
  beforeAll(async () => {
    sandbox = createSandbox();
    // Not in the sandbox, which tells what base-kit left there.
    dir = mkdtempSync(join(tmpdir(), "bk-registry-"));
    registry = await startRegistry({ dir });
  });
  afterAll(async () => {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
    sandbox.dispose();
  });

  const build = (...args: readonly string[]) =>
    sandbox.json<{ readonly references: readonly string[]; readonly id: string }>([
      "build",
      "alpine:3.20",
      "--mirror",
      locationOf("alpine-mirror"),
      ...args,
    ]);
  const copy = (...args: readonly string[]) => sandbox.json<Copied>(["copy", ...args]);

  test.skipIf(requires("docker").skip)("takes an image that docker pulls and runs", async () => {
    const images = testImages();
    const name = `${registry.host}/demo/alpine:1`;
    try {
      const built = await build("-o", `docker://${name}`);
      expect(built.references[0]).toMatch(new RegExp(`^${name}@sha256:[0-9a-f]{64}$`));
      images.docker(["pull", "--quiet", name]);
      expect(images.inspect(name).Id).toBe(built.id);
      expect(images.run(name, "apk", "--version")).toContain("apk-tools");
    } finally {
      spawnSync("docker", ["image", "rm", "--force", name], {
        env: { ...process.env, DOCKER_HOST: locationOf("docker") },
      });
    }
  });

  test("an image keeps its digest through every place it is copied to", async () => {
    await build("-o", "oci:layout:amd64", "--arch", "amd64");
    const first = await copy("oci:layout:amd64", `docker://${registry.host}/demo/copy:1`);
    expect(first.platforms).toEqual(["linux/amd64"]);
    const places = [
      `docker://${registry.host}/other/copy:2`,
      "oci:copied:x",
      "oci-archive:copied.tar:x",
      "docker-archive:saved.tar:demo/x:1",
    ];
    let from = `docker://${registry.host}/demo/copy:1`;
    for (const place of places) {
      expect((await copy(from, place)).digest, `${from} to ${place}`).toBe(first.digest);
      from = place;
    }
    expect((await copy("saved.tar", `docker://${registry.host}/demo/copy:3`)).digest).toBe(first.digest);
    const { stdout } = await sandbox.run(["tags", `${registry.host}/demo/copy`]);
    expect(stdout).toBe("1\n3\n");
    writeFileSync(sandbox.work("sbom.json"), '{"bomFormat":"CycloneDX"}');
    const attached = await sandbox.json<{ readonly subject: string; readonly type: string }>([
      "attach",
      `${registry.host}/demo/copy:1`,
      "sbom.json",
    ]);
    expect(attached).toMatchObject({ subject: first.digest, type: "application/vnd.cyclonedx+json" });
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("elsewhere is spoken to without TLS, by whatever command, but only where it is named", async () => {
    // Leads to this machine, and is not one of the addresses that never leave it.
    const elsewhere = registry.host.replace("127.0.0.1", "0.0.0.0");
    const image = `${elsewhere}/demo/plain:1`;
    await copy("oci:layout:amd64", `docker://${registry.host}/demo/plain:1`);
    const refused = await sandbox.run(["inspect", image]);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(elsewhere) });
    const lock = ["--arch", "amd64", "--lockfile", "plain.lock"];
    const commands = [
      ["lock", `image:${image}`, ...lock],
      ["build", `image:${image}`, ...lock, "-o", `docker://${elsewhere}/demo/built:1`],
      ["verify", `docker://${elsewhere}/demo/built:1`, ...lock],
      ["diff", `docker://${image}`, `docker://${elsewhere}/demo/built:1`],
      ["tags", `${elsewhere}/demo/plain`],
    ];
    for (const command of commands) {
      const { exitCode, stderr } = await sandbox.run([...command, "--insecure-registry", elsewhere]);
      expect({ exitCode, stderr }, command.join(" ")).toMatchObject({ exitCode: command[0] === "diff" ? 1 : 0 });
      expect(stderr, command.join(" ")).toContain("is spoken to without TLS");
    }
  });

  test("Ctrl-C during a copy ends it at once, and leaves the tag and no files", async () => {
    const silent = createServer((request, response) => {
      request.resume();
      if (request.method === "HEAD") response.writeHead(404).end();
      if (request.method === "POST") response.writeHead(202, { location: "/v2/x/blobs/uploads/1" }).end();
      // The upload itself is never answered.
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const uploading = new Promise((resolve) =>
      silent.on("request", ({ method }) => {
        if (method === "PUT") resolve(undefined);
      }),
    );
    const { port } = silent.address() as AddressInfo;
    const running = sandbox.start(["copy", "oci:layout:amd64", `docker://127.0.0.1:${port}/x:1`]);
    await uploading;
    running.child.kill("SIGINT");
    const outcome = await running.ended;
    silent.closeAllConnections();
    silent.close();
    expect(outcome.exitCode).toBe(130);
    expect(outcome.stderr).toContain("stopped by SIGINT");
    expect(await sandbox.leftovers()).toEqual([]);
  });
});
