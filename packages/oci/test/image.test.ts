import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Context, type Image, type Layer, parsePlatform, parseReference, type Rootfs } from "@base-kit/core";
import { createStore, processName } from "@base-kit/store";
import { entriesFromText, readContent } from "@base-kit/testing";
import fc from "fast-check";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rfc3339 } from "../src/config.ts";
import {
  archiveSink,
  buildImage,
  compressed,
  findCompressor,
  hybridArchive,
  hybridArchiveSize,
  imageForHost,
  imageIndex,
  layoutSink,
  MEDIA_TYPE,
  mergeRuntime,
  openArchive,
  validateImage,
  validateImages,
} from "../src/index.ts";

let folder: string;
let context: Context;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  context = {
    tempDir: folder,
    signal: new AbortController().signal,
    reporter: { emit: () => {} },
    clock: { now: () => 0, monotonicMs: () => 0 },
    store: createStore(join(folder, "cache")),
  } as unknown as Context;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TREE =
  'directory 755 0:0 bin\nfile 755 0:0@7 bin/sh "#!/x"\nhardlink 755 0:0@7 bin/bash => bin/sh\nsymlink 777 0:0 lib -> usr/lib';

function rootfs(text: string = TREE): Rootfs {
  const entries = entriesFromText(text);
  const segments = [{ key: "k", origin: "base", entries: () => entries }];
  const runtime = { env: { PATH: "/bin" }, cmd: ["/bin/sh"] };
  return {
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
    osRelease: {},
    packages: [],
    segments,
    runtime,
  };
}

describe("an image", () => {
  test("is what the specification says, field by field", async () => {
    const runtime = {
      env: { LANG: "C.UTF-8" },
      entrypoint: ["/bin/sh", "-c"],
      user: "1000:1000",
      workdir: "/srv",
      expose: ["80/tcp", "53/udp"],
      volumes: ["/data"],
      labels: { b: "2", a: "1" },
      stopSignal: "SIGINT",
      healthcheck: { test: ["CMD-SHELL", "true"], timeout: 1e9, startPeriod: 2e9, startInterval: 3e9 },
      shell: ["/bin/ash", "-c"],
      onBuild: ["RUN true"],
    };
    const image = await buildImage(
      rootfs(),
      { created: 1_700_000_000, runtime, annotations: { x: "y" }, compression: "none" },
      context,
    );
    expect(await json(image.config)).toEqual({
      created: "2023-11-14T22:13:20Z",
      architecture: "arm64",
      variant: "v8",
      os: "linux",
      config: {
        User: "1000:1000",
        ExposedPorts: { "53/udp": {}, "80/tcp": {} },
        Env: ["PATH=/bin", "LANG=C.UTF-8"],
        Entrypoint: ["/bin/sh", "-c"],
        Volumes: { "/data": {} },
        WorkingDir: "/srv",
        Labels: { a: "1", b: "2" },
        StopSignal: "SIGINT",
        Healthcheck: { Test: ["CMD-SHELL", "true"], Timeout: 1e9, StartPeriod: 2e9, StartInterval: 3e9 },
        Shell: ["/bin/ash", "-c"],
        OnBuild: ["RUN true"],
      },
      rootfs: { type: "layers", diff_ids: [image.layers[0]?.diffId] },
      history: [{ created: "2023-11-14T22:13:20Z", created_by: "base-kit" }],
    });
    const [layer] = image.layers as readonly [Layer];
    expect(await json(image.manifest)).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: image.config.digest,
        size: image.config.size,
      },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.size }],
      annotations: { "org.opencontainers.image.created": "2023-11-14T22:13:20Z", x: "y" },
    });
    expect(layer.digest).toBe(layer.diffId);
  });

  test("has the same id whether its layer is compressed or not, and the same bytes each time", async () => {
    const [plain, packed, again] = await Promise.all([
      buildImage(rootfs(), { created: 0, compression: "none" }, context),
      buildImage(rootfs(), { created: 0, compression: "gzip" }, context),
      buildImage(rootfs(), { created: 0 }, context),
    ]);
    expect(packed.config.digest).toBe(plain.config.digest);
    expect(packed.manifest.digest).not.toBe(plain.manifest.digest);
    expect(again.manifest.digest).toBe(packed.manifest.digest);
  });

  test("of nothing is refused", async () => {
    await expect(buildImage(rootfs("directory 755 0:0 ./"), { created: 0 }, context)).rejects.toMatchObject({
      code: "ROOTFS_EMPTY",
      kind: "unsupported",
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([-1, 1.5, Number.NaN, 253_402_300_800])("created at %d is refused", (seconds) => {
    expect(() => rfc3339(seconds)).toThrow(expect.objectContaining({ code: "CREATED_OUT_OF_RANGE", kind: "usage" }));
  });
});

test("a new entrypoint drops the inherited command; variables and labels add up", () => {
  const base = { env: { A: "1", B: "2" }, cmd: ["sh"], labels: { x: "1" } };
  expect(mergeRuntime(base, { entrypoint: ["e"], env: { B: "3" } })).toEqual({
    env: { A: "1", B: "3" },
    entrypoint: ["e"],
    labels: { x: "1" },
  });
  expect(mergeRuntime(base, { cmd: ["bash"] })).toMatchObject({ cmd: ["bash"] });
});

describe("gzip", () => {
  test("is one member with the input in it, and the same for any pieces of it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2_500_000), fc.integer({ min: 40_000, max: 1_200_000 }), async (size, piece) => {
        const bytes = Buffer.alloc(size);
        for (let i = 0; i < size; i += 997) bytes[i] = i % 251;
        const packed = await readContent(gzip(pieces(bytes, piece)));
        expect(gunzipSync(packed).equals(bytes)).toBe(true);
        expect(packed.equals(await readContent(gzip(pieces(bytes, 65_536))))).toBe(true);
      }),
      { numRuns: 8 },
    );
  });

  test("of nothing is a member of nothing", async () => {
    expect(gunzipSync(await readContent(gzip(pieces(Buffer.alloc(0), 1))))).toHaveLength(0);
  });

  test("passes on the failure of its input", async () => {
    const failing = async function* () {
      yield Buffer.alloc(5_000_000);
      throw new Error("the source broke");
    };
    await expect(readContent(gzip(failing()))).rejects.toThrow("the source broke");
  });
});

describe("the hybrid archive", () => {
  test("is an OCI layout and a docker archive, in the eyes of another tar reader", async () => {
    const image = await buildImage(rootfs(), { created: 0 }, context);
    const references = ["demo/x:1", "demo/x:2"].map(parseReference);
    const bytes = await readContent(hybridArchive([image], references));
    expect(bytes).toHaveLength(hybridArchiveSize([image], references));
    const files = await filesOf(bytes);
    const blob = (digest: string) => `blobs/sha256/${digest.slice("sha256:".length)}`;
    const [layer] = image.layers as readonly [Layer];
    expect([...files.keys()]).toEqual([
      "blobs/",
      "blobs/sha256/",
      blob(layer.digest),
      blob(image.config.digest),
      blob(image.manifest.digest),
      "oci-layout",
      "index.json",
      "manifest.json",
    ]);
    expect(JSON.parse(String(files.get("manifest.json")))).toEqual([
      { Config: blob(image.config.digest), RepoTags: ["demo/x:1", "demo/x:2"], Layers: [blob(layer.digest)] },
    ]);
    const index = JSON.parse(String(files.get("index.json")));
    expect(index.manifests.map((each: { annotations: object }) => each.annotations)).toEqual([
      { "io.containerd.image.name": "docker.io/demo/x:1", "org.opencontainers.image.ref.name": "1" },
      { "io.containerd.image.name": "docker.io/demo/x:2", "org.opencontainers.image.ref.name": "2" },
    ]);
    for (const [name, content] of files) {
      if (/^blobs\/sha256\/./.test(name))
        expect(name).toBe(`blobs/sha256/${createHash("sha256").update(content).digest("hex")}`);
    }
  });

  test("comes back from its file as the same image", async () => {
    const image = await buildImage(rootfs(), { created: 5, runtime: { user: "7", workdir: "/w" } }, context);
    const file = join(folder, "image.tar");
    const result = await archiveSink(file).write([image], [parseReference("a/b")], context);
    expect(result).toEqual({ references: [file], id: image.config.digest, size: readFileSync(file).length });
    const [opened] = (await openArchive(file)) as [Image];
    await validateImage(opened);
    expect(opened.manifest.digest).toBe(image.manifest.digest);
    expect(opened.runtime).toEqual(image.runtime);
    expect(opened.platform).toEqual(image.platform);
  });
});

describe("validation notices", () => {
  const flaws: readonly (readonly [string, (image: Image, layer: Layer) => Image, string])[] = [
    [
      "another layer than its digest says",
      (image, layer) => ({ ...image, layers: [{ ...layer, open: () => pieces(Buffer.alloc(1024), 512) }] }),
      "digest of layer 0",
    ],
    [
      "a wrong diffID",
      (image, layer) => ({ ...image, layers: [{ ...layer, diffId: `sha256:${"0".repeat(64)}` }] }),
      "config.rootfs.diff_ids",
    ],
    [
      "a wrong size",
      (image, layer) => ({ ...image, layers: [{ ...layer, size: layer.size + 7 }] }),
      "manifest.layers[0].size",
    ],
    ["a missing layer", (image) => ({ ...image, layers: [] }), "config.rootfs.diff_ids"],
    [
      "another platform",
      (image) => ({ ...image, platform: { os: "linux", architecture: "amd64" } }),
      "config.architecture",
    ],
    [
      "a changed config",
      (image) => ({ ...image, config: { ...image.config, open: () => pieces(Buffer.from("{}"), 1) } }),
      "size of the config",
    ],
  ];
  test.each(flaws)("%s", async (_what, spoil, message) => {
    const image = await buildImage(rootfs(), { created: 0 }, context);
    await validateImage(image);
    await expect(validateImage(spoil(image, image.layers[0] as Layer))).rejects.toMatchObject({
      code: "IMAGE_INVALID",
      kind: "verification",
      message: expect.stringContaining(message),
    });
  });

  test("a flipped byte, a cut or an addition anywhere in an archive", async () => {
    const file = join(folder, "image.tar");
    await archiveSink(file).write([await buildImage(rootfs(), { created: 0 }, context)], [], context);
    const sound = readFileSync(file);
    const check = async (bytes: Buffer) => {
      writeFileSync(file, bytes);
      await validateImages(await openArchive(file));
    };
    await check(sound);
    // Within the first blob, the layer: two directories' headers and its own precede it.
    for (const at of [3 * 512 + 20, 3 * 512 + 40]) {
      const flipped = Buffer.from(sound);
      flipped[at] = (flipped[at] as number) ^ 1;
      await expect(check(flipped)).rejects.toMatchObject({ name: "BaseKitError" });
    }
    await expect(check(sound.subarray(0, sound.length - 1024))).rejects.toMatchObject({ code: "TAR_TRUNCATED" });
    appendFileSync(file, "junk");
    await expect(openArchive(file)).rejects.toMatchObject({ name: "BaseKitError" });
  });
});

describe("a layout directory", () => {
  test("takes a second image beside the first, and a new one under an old tag", async () => {
    const layout = join(folder, "layout");
    const first = await buildImage(rootfs(), { created: 0 }, context);
    const second = await buildImage(rootfs(), { created: 9 }, context);
    await layoutSink(layout, "one").write([first], [], context);
    await layoutSink(layout, "two").write([first], [], context);
    expect(await layoutSink(layout, "one").write([second], [], context)).toMatchObject({
      references: [`oci:${layout}:one`],
    });
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    expect(
      index.manifests.map((each: Record<string, Record<string, string>>) => [
        each["annotations"]?.["org.opencontainers.image.ref.name"],
        each["digest"],
      ]),
    ).toEqual([
      ["two", first.manifest.digest],
      ["one", second.manifest.digest],
    ]);
    expect(JSON.parse(readFileSync(join(layout, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
  });

  test("takes images of several builds at once", async () => {
    const layout = join(folder, "shared");
    const tags = ["a", "b", "c", "d", "e", "f"];
    const images = await Promise.all(tags.map((_, created) => buildImage(rootfs(), { created }, context)));
    await Promise.all(tags.map((tag, at) => layoutSink(layout, tag).write([images[at] as Image], [], context)));
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const digests = index.manifests.map(({ digest }: { readonly digest: string }) => digest);
    expect(digests.sort()).toEqual(images.map(({ manifest }) => manifest.digest).sort());
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test.each([
    ["long ago", 0],
    ["by a clock that was ahead, in the future", 4_000_000_000],
  ])("is not locked for ever by a build that was killed %s", async (_when, time) => {
    const layout = join(folder, `abandoned-${time}`);
    const image = await buildImage(rootfs(), { created: 0 }, context);
    mkdirSync(layout);
    writeFileSync(join(layout, "index.json.lock"), "1");
    utimesSync(join(layout, "index.json.lock"), time, time);
    await layoutSink(layout, "x").write([image], [], context);
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("is not locked for a moment by a build that was killed just now", async () => {
    const layout = join(folder, "killed");
    const image = await buildImage(rootfs(), { created: 0 }, context);
    mkdirSync(layout);
    const [, place] = processName().split("-");
    // No process has such a number.
    writeFileSync(join(layout, "index.json.lock"), `${2 ** 22 + 1}-${place} 0`);
    const looks = vi.fn();
    const signal = Object.assign(new AbortController().signal, { throwIfAborted: looks });
    await layoutSink(layout, "x").write([image], [], { ...context, signal });
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    // By the clock it would be hundreds.
    expect(looks.mock.calls.length).toBeLessThan(50);
  });

  test("stays locked by a build that lives, however slow its disk is, until it has been for a minute", async () => {
    const layout = join(folder, "held");
    const lock = join(layout, "index.json.lock");
    const image = await buildImage(rootfs(), { created: 0 }, context);
    mkdirSync(layout);
    writeFileSync(lock, `${processName()} 0`);
    const [soon, late] = [30, 90].map((seconds) => new Date(Date.now() - seconds * 1000)) as [Date, Date];
    utimesSync(lock, soon, soon);
    const looks = vi.fn();
    const signal = Object.assign(new AbortController().signal, { throwIfAborted: looks });
    const writing = layoutSink(layout, "x").write([image], [], { ...context, signal });
    await expect.poll(() => existsSync(join(layout, "blobs/sha256", image.manifest.digest.slice(7)))).toBe(true);
    const before = looks.mock.calls.length;
    await expect.poll(() => looks.mock.calls.length - before).toBeGreaterThan(5);
    expect(readdirSync(layout)).not.toContain("index.json");
    utimesSync(lock, late, late);
    await writing;
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("that is something else is refused and left as it is", async () => {
    writeFileSync(join(folder, "index.json"), "not an index");
    const image = await buildImage(rootfs(), { created: 0 }, context);
    await expect(layoutSink(folder, "x").write([image], [], context)).rejects.toMatchObject({ code: "LAYOUT_INVALID" });
    expect(readFileSync(join(folder, "index.json"), "utf8")).toBe("not an index");
  });
});

describe("several platforms", () => {
  const both = () =>
    Promise.all(
      (["amd64", "arm64"] as const).map((architecture) =>
        buildImage({ ...rootfs(), platform: parsePlatform(architecture) }, { created: 0 }, context),
      ),
    );

  test("become one index, in a file and in a layout", async () => {
    const images = await both();
    const file = join(folder, "both.tar");
    const layout = join(folder, "both");
    const index = imageIndex(images);
    expect(await archiveSink(file).write(images, [parseReference("a/b:1")], context)).toMatchObject({
      id: index.digest,
    });
    expect(await layoutSink(layout, "x").write(images, [], context)).toMatchObject({ id: index.digest });
    expect(await json(index)).toMatchObject({
      schemaVersion: 2,
      manifests: [
        { digest: images[0]?.manifest.digest, platform: { architecture: "amd64", os: "linux" } },
        { digest: images[1]?.manifest.digest, platform: { architecture: "arm64", os: "linux", variant: "v8" } },
      ],
    });
    const opened = await openArchive(file);
    expect(opened.map(({ manifest }) => manifest.digest)).toEqual(images.map(({ manifest }) => manifest.digest));
    expect((await filesOf(readFileSync(file))).has("manifest.json")).toBe(false);
    const listed = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests;
    expect(listed).toEqual([
      {
        mediaType: MEDIA_TYPE.index,
        digest: index.digest,
        size: index.size,
        annotations: { "org.opencontainers.image.ref.name": "x" },
      },
    ]);
  });

  test("leave the host's to a sink that holds one, or nothing", async () => {
    const images = await both();
    expect(imageForHost(images, "x", parsePlatform("arm64")).platform.architecture).toBe("arm64");
    expect(() => imageForHost(images, "tar:x", parsePlatform("s390x"))).toThrowError(
      "tar:x holds an image of one platform only, and none of linux/amd64, linux/arm64 is this machine's linux/s390x",
    );
    // An only image goes anywhere: who asks for a foreign one wants it.
    expect(imageForHost(images.slice(1), "x", parsePlatform("s390x")).platform.architecture).toBe("arm64");
  });

  test("twice are refused", async () => {
    const [image] = (await both()) as [Image, Image];
    await expect(validateImages([image, image])).rejects.toMatchObject({ code: "IMAGE_INVALID" });
  });
});

async function* gzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  yield* compressed(chunks, await findCompressor({ compression: "gzip" }, context));
}

async function json(blob: { open(): AsyncIterable<Uint8Array> }): Promise<unknown> {
  return JSON.parse(String(await readContent(blob.open())));
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function filesOf(archive: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const parser = extract();
  parser.end(archive);
  for await (const entry of parser) {
    files.set(entry.header.name, await readContent(entry as AsyncIterable<Uint8Array>));
  }
  return files;
}
