import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { locationOf, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ComparedImages } from "../src/commands/diff.ts";
import type { Inspected } from "../src/commands/inspect.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(async () => {
  const left = await sandbox.leftovers();
  sandbox.dispose();
  expect(left).toEqual([]);
});

/** `type mode owner path` of everything in a tar. */
function listing(tar: string): readonly string[] {
  return execFileSync("tar", ["--numeric-owner", "-tvf", tar], { encoding: "utf8", maxBuffer: 2 ** 28 })
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [mode = "", owner = "", , , , ...rest] = line.split(/\s+/);
      return `${mode} ${owner} ${rest
        .join(" ")
        .replace(/^\.?\//, "")
        .replace(/\/$/, "")}`;
    })
    .sort();
}

describe.skipIf(requires("alpine-mirror", "docker").skip)("an image of several layers that docker has built", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test("is seen as a container sees it, with what its layers carry for nothing", async () => {
    const [base, built] = [images.fresh(), images.fresh()];
    await sandbox.json(["build", "alpine:3.20", "--mirror", locationOf("alpine-mirror"), "-t", base]);
    mkdirSync(sandbox.work("context"));
    const instructions = [
      `FROM ${base}`,
      "RUN dd if=/dev/zero of=/big bs=1000 count=1000 2>/dev/null && ln /big /twin && mkdir /d && touch /d/a /d/b",
      "RUN rm /big && rm -r /d && mkdir /d && touch /d/c && chmod 700 /etc/apk && chown 5:6 /etc/motd",
      "RUN rm /twin && rm -rf /usr/share && ln -s /tmp /usr/share",
      'CMD ["ls", "-l"]',
    ];
    writeFileSync(sandbox.work("context/Dockerfile"), instructions.join("\n"));
    images.docker(["build", "--network", "none", "--tag", built, sandbox.work("context")]);
    const { image } = await sandbox.json<Inspected>(["inspect", `docker-daemon:${built}`]);
    expect(image.layers).toHaveLength(4);
    expect(image.layers[3]?.createdBy).toContain("rm /twin");
    expect(image.id).toBe(images.inspect(built).Id);
    expect(image.runtime.cmd).toEqual(["ls", "-l"]);
    expect(image.packages.find(({ name }) => name === "busybox")?.size).toBeGreaterThan(500_000);
    expect(image.wasted.files).toContainEqual({ path: "/twin", size: 1_000_000, layer: 1, by: 3, how: "removed" });
    const text = await sandbox.run(["inspect", `docker-daemon:${built}`]);
    expect(text.stdout).toMatch(/^system {5}Alpine Linux v3\.20$/m);
    expect(text.stdout).toMatch(/^wasted {5}1\.0\d MB in /m);

    // The engine's own view of the same image, made one layer again.
    const container = images.docker(["create", built]).trim();
    images.docker(["export", "--output", sandbox.work("seen.tar"), container]);
    images.docker(["rm", container]);
    await sandbox.json(["import", "seen.tar", "-o", "oci:seen"]);
    const outcome = await sandbox.run(["diff", `docker-daemon:${built}`, "oci:seen", "--json"]);
    const { files, packages } = JSON.parse(outcome.stdout) as ComparedImages;
    expect(outcome.exitCode).toBe(1);
    expect(packages).toEqual({ added: [], removed: [], changed: [] });
    // What docker puts into every container.
    const engines = [
      "/.dockerenv",
      "/dev",
      "/etc/hostname",
      "/etc/hosts",
      "/etc/mtab",
      "/etc/resolv.conf",
      "/proc",
      "/sys",
    ];
    const own = (path: string) => !engines.some((each) => path === each || path.startsWith(`${each}/`));
    expect(files.added.filter(own)).toEqual([]);
    expect(files.removed.filter(own)).toEqual([]);
    expect(files.changed.filter(({ path }) => own(path))).toEqual([]);
    expect(listing(sandbox.work("seen.tar")).some((line) => line.endsWith("usr/share -> /tmp"))).toBe(true);
  });
});

describe.skipIf(requires("alpine-mirror").skip)("the difference of two images", () => {
  const build = (...args: readonly string[]) =>
    sandbox.json(["build", "alpine:3.20", "--mirror", locationOf("alpine-mirror"), ...args]);

  test("is exit code 1 and named; of an image and itself it is 0", async () => {
    await build("-o", "oci:images:one");
    await build("-o", "oci:images:two", "--env", "A=b", "--path-exclude", "/etc/motd");
    const outcome = await sandbox.run(["diff", "oci:images:one", "oci:images:two"]);
    expect(outcome).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("  - /etc/motd\n") });
    expect(outcome.stdout).toContain("  + config.Env.A  b\n");
    const markdown = await sandbox.run(["diff", "oci:images:one", "oci:images:two", "--format", "markdown"]);
    expect(markdown).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("| - | `/etc/motd` |") });
    expect(await sandbox.run(["diff", "oci:images:one", "oci:images:one", "--quiet"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      bytes: Buffer.alloc(0),
    });
    expect(await sandbox.run(["diff", "oci:images:one", "oci:images:three"])).toMatchObject({
      exitCode: 6,
      stdout: "",
    });
  });

  test("does not lie in the lists of packages, which are the same each time", async () => {
    const files = ["a.spdx.json", "a.cdx.json", "b.spdx.json", "b.cdx.json"];
    await build("-o", "oci:images:one", "--sbom", "a.spdx.json", "--sbom", "a.cdx.json");
    await build("-o", "oci:images:one", "--sbom", "b.spdx.json", "--sbom", "b.cdx.json");
    const [spdx, cyclonedx, ...again] = files.map((file) => readFileSync(sandbox.work(file), "utf8"));
    expect(again).toEqual([spdx, cyclonedx]);
    const { image } = await sandbox.json<Inspected>(["inspect", "oci:images:one"]);
    const purls = (text = "") => [...text.matchAll(/"pkg:apk\/alpine\/([^@"]+)@/g)].map(([, name]) => name).sort();
    expect(purls(spdx)).toEqual(image.packages.map(({ name }) => encodeURIComponent(name)).sort());
    expect(purls(cyclonedx)).toEqual(purls(spdx));
    expect(spdx).toContain(image.digest);
    const refused = await sandbox.run(["import", ".", "--sbom", "a.json", "-o", "oci:images:two"]);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("NAME.spdx.json") });
  });

  test("is none between a layout, an archive, and the archive compressed", async () => {
    await build("-o", "oci:images:one", "-o", "docker-archive:image.tar", "-o", "oci-archive:oci.tar");
    execFileSync("gzip", ["-k", sandbox.work("image.tar")]);
    for (const other of ["docker-archive:image.tar", "oci-archive:oci.tar", "image.tar.gz"]) {
      expect(await sandbox.run(["diff", "oci:images:one", other, "--quiet"])).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
    }
    expect(readFileSync(sandbox.work("image.tar.gz")).length).toBeGreaterThan(0);
  });
});
