import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, type Image, parsePlatform, parseReference } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { archiveSink, buildImage, layoutSink, validateImages } from "@base-kit/oci";
import { describeRootfs, fileEntry } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { requires } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openSource } from "../src/sources.ts";
import { testImages } from "./test-images.ts";

let folder: string;
let context: HostContext;
let image: Image;
let layout: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  const env = { ...process.env, TMPDIR: folder };
  context = await createContext({ createStore, env, cacheDir: join(folder, "cache") });
  image = await tinyImage("amd64", context);
  layout = join(folder, "layout");
  await layoutSink(layout, "one").write([image], [], context);
  await layoutSink(layout, "both").write([image, await tinyImage("arm64", context)], [], context);
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function tinyImage(arch: string, context: Context): Promise<Image> {
  const entries = [fileEntry("etc/who", `${arch} ${process.pid} ${Math.random()}\n`)];
  const segments = [{ key: arch, origin: "base", entries: () => entries }];
  const rootfs = await describeRootfs(segments, parsePlatform(arch));
  return buildImage(rootfs, { created: 1_700_000_000, runtime: { cmd: ["/x"], labels: { a: "b" } } }, context);
}

async function open(text: string) {
  const source = await openSource(text, context);
  await validateImages(source.images, context);
  return source;
}

describe.skipIf(requires("docker").skip)("an image in an engine", () => {
  let images: ReturnType<typeof testImages>;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test.each(["docker-cli", "engine-api"] as const)("comes out as it was put in, through %s", async (importer) => {
    const name = images.fresh();
    const archive = join(folder, "image.tar");
    await archiveSink(archive).write([image], [parseReference(name)], context);
    images.docker(["load", "--input", archive]);
    const source = await openSource(`docker-daemon:${name}`, context, { importer });
    await validateImages(source.images, context);
    expect(source.images[0].config.digest).toBe(image.config.digest);
    expect(source.images[0].runtime).toEqual(image.runtime);
  });

  test("is read from the file that docker save wrote", async () => {
    const [first, second] = [images.fresh(), images.fresh()];
    const archive = join(folder, "image.tar");
    await archiveSink(archive).write([image], [parseReference(first), parseReference(second)], context);
    images.docker(["load", "--input", archive]);
    const saved = join(folder, "saved.tar");
    images.docker(["save", "--output", saved, first, second]);
    const source = await open(`docker-archive:${saved}:${second}:latest`);
    expect(source.images[0].config.digest).toBe(image.config.digest);
    expect((await open(saved)).images[0].config.digest).toBe(image.config.digest);
    execFileSync("gzip", ["--force", "--keep", saved]);
    expect((await open(`docker-archive:${saved}.gz`)).images[0].config.digest).toBe(image.config.digest);
  });

  test("that is not there is told", async () => {
    await expect(openSource("docker-daemon:base-kit-test/nothing-of-this-name", context)).rejects.toMatchObject({
      code: "ENGINE_IMAGE_NOT_FOUND",
    });
  });
});

describe.skipIf(requires("skopeo").skip)("what skopeo wrote", () => {
  test.each([
    ["oci:copy:a", "oci:copy:a"],
    ["oci-archive:copy.oci:b", "oci-archive:copy.oci:b"],
    ["docker-archive:copy.tar:example.com/base-kit/x:1", "copy.tar"],
  ])("%s holds the same image", async (written, read) => {
    const here = (text: string) => text.replace("copy", join(folder, "copy"));
    execFileSync("skopeo", ["copy", "--quiet", `oci:${layout}:one`, here(written)], { stdio: "pipe" });
    const source = await open(here(read));
    // skopeo gives the config a layer's docker archive with what it unpacked, so the config stays.
    expect(source.images[0].config.digest).toBe(image.config.digest);
    expect(source.images[0].layers[0]?.diffId).toBe(image.layers[0]?.diffId);
  });

  test("an index of several architectures, each found by its name", async () => {
    const copy = join(folder, "all");
    execFileSync("skopeo", ["copy", "--quiet", "--all", `oci:${layout}:both`, `oci:${copy}:both`], { stdio: "pipe" });
    const source = await open(copy);
    expect(source.images.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    expect(source.node.document.digest).toBe((await open(`oci:${layout}:both`)).node.document.digest);
    const arm = await openSource(copy, context, { platform: parsePlatform("arm64") });
    expect(arm.images.map(({ platform }) => platform.architecture)).toEqual(["arm64"]);
  });
});
