import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { type Entry, type Image, type Layer, parseReference, type Segment } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { archiveSink, buildImage, layoutSink } from "@base-kit/oci";
import { describeRootfs, mergedEntries, tarSegment } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { locationOf, podmanIn, requires } from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { testImages } from "./test-images.ts";

const LAYERS = 4;

/** Alpine's tree cut up as if by packages, in layers that share folders, in each of the compressions. */
describe.skipIf(requires("alpine-mirror", "root").skip)("an image of several layers", () => {
  let sandbox: Sandbox;
  let context: HostContext;
  let minirootfs: string;
  let work: string;

  beforeAll(async () => {
    sandbox = createSandbox();
    context = await createContext({ createStore, cacheDir: sandbox.work("cache") });
    const mirror = await copyAlpineMirror(sandbox.work("mirror"));
    minirootfs = join(mirror.dir, mirror.minirootfs);
  });
  afterAll(async () => {
    await context[Symbol.asyncDispose]();
    sandbox.dispose();
  });
  beforeEach(() => {
    work = mkdtempSync(join(sandbox.dir, "w"));
  });

  const run = (program: string, ...args: readonly string[]) =>
    execFileSync(program, args, {
      env: { ...process.env, HOME: work, TMPDIR: work, XDG_RUNTIME_DIR: work },
      encoding: "utf8",
      stdio: "pipe",
    }).trim();

  /** With a label of its own: an engine does not look at layers that it has. */
  async function write(compression: Layer["compression"], name: string): Promise<{ image: Image; archive: string }> {
    const whole = await tarSegment(minirootfs, context);
    const segments = cutUp(mergedEntries({ segments: [whole] }), `${whole.key} ${name}`);
    const described = await describeRootfs(segments, { os: "linux", architecture: hostArchitecture() });
    const packages = segments.map(({ origin }) => ({ name: origin, version: "1", architecture: "all" }));
    const options = { created: 0, compression, layers: LAYERS, runtime: { labels: { test: name } } };
    const image = await buildImage({ ...described, packages }, options, context);
    const archive = join(work, "image.tar");
    await archiveSink(archive).write([image], [parseReference(name)], context);
    return { image, archive };
  }

  for (const compression of ["none", "gzip"] as const) {
    test.skipIf(requires("docker").skip)(`(${compression}) loads in docker, runs, and comes out again`, async () => {
      const images = testImages();
      const name = `${images.fresh()}:1`;
      try {
        const { image, archive } = await write(compression, name);
        images.docker(["load", "--input", archive]);
        const found = images.inspect(name);
        expect(found.Id).toBe(image.config.digest);
        expect(found.RootFS.Layers).toEqual(image.layers.map(({ diffId }) => diffId));
        expect(images.run(name, "/bin/stat", "-c", "%a", "/tmp", "/root", "/etc/shadow")).toBe("1777\n700\n640");
        images.docker(["save", "--output", join(work, "saved.tar"), name]);
        const saved = JSON.parse(run("tar", "-xOf", join(work, "saved.tar"), "manifest.json"));
        expect(saved[0].Layers).toHaveLength(LAYERS);
      } finally {
        images.remove();
        spawnSync("docker", ["image", "rm", "--force", name], {
          env: { ...process.env, DOCKER_HOST: locationOf("docker") },
        });
      }
    });
  }

  for (const compression of ["gzip", "zstd"] as const) {
    test.skipIf(requires("podman", "ctr", "skopeo", "zstd").skip)(
      `(${compression}) loads in podman and containerd, and is copied by skopeo`,
      async () => {
        const name = `example.com/base-kit-test/layers-${compression}:1`;
        const { image, archive } = await write(compression, name);
        const { podman } = podmanIn(work);
        podman("load", "--input", archive);
        expect(`sha256:${podman("image", "inspect", "--format", "{{.Id}}", name)}`).toBe(image.config.digest);
        expect(podman("run", "--rm", "--network", "none", name, "/bin/stat", "-c", "%a", "/tmp")).toBe("1777");
        run("skopeo", "copy", "--insecure-policy", "--quiet", `oci-archive:${archive}`, `dir:${join(work, "copied")}`);
        const namespace = `base-kit-test-layers-${process.pid}`;
        const ctr = (...args: readonly string[]) =>
          run("ctr", "--address", locationOf("ctr"), "-n", namespace, ...args);
        try {
          ctr("images", "import", archive);
          expect(ctr("images", "check", `name==${name}`)).toMatch(/complete \(\d+\/\d+\).*true/);
        } finally {
          for (const each of ctr("images", "ls", "--quiet").split("\n").filter(Boolean)) {
            ctr("images", "rm", "--sync", each);
          }
          spawnSync("ctr", ["--address", locationOf("ctr"), "namespaces", "rm", namespace]);
        }
      },
    );
  }

  test.skipIf(requires("umoci", "tar").skip)("unpacks by umoci to the tree of Alpine's own archive", async () => {
    const { image } = await write("gzip", "example.com/base-kit-test/layers:1");
    await layoutSink(join(work, "layout"), "x").write([image], [], context);
    run("umoci", "unpack", "--image", `${join(work, "layout")}:x`, join(work, "bundle"));
    const own = join(work, "own");
    mkdirSync(own);
    run("tar", "-C", own, "--numeric-owner", "-p", "-xf", minirootfs);
    expect(listTree(join(work, "bundle/rootfs"))).toBe(listTree(own));
  });
});

function cutUp(entries: readonly Entry[], key: string): readonly Segment[] {
  const parts = new Map<string, Entry[]>([["folders", []]]);
  for (const entry of entries) {
    const [top = ""] = entry.path.split("/");
    const name = entry.type === "directory" ? "folders" : `from-${top}`;
    parts.set(name, [...(parts.get(name) ?? []), entry]);
  }
  return [...parts].map(([origin, own]) => ({ key: `${key} ${origin}`, origin, entries: () => own }));
}

function hostArchitecture(): "arm64" | "amd64" {
  return process.arch === "arm64" ? "arm64" : "amd64";
}
