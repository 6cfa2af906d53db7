import { type Blob, type ByteString, type Image, parsePlatform, type Rootfs, type Segment } from "@base-kit/core";
import { entriesFromText, readContent } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { type BuildImageOptions, buildImage, hybridArchive, idOf, imageIndex, validateImages } from "../src/index.ts";
import { inContext } from "./in-context.ts";
import { expectConfig, expectIndex, expectManifest } from "./oci-schemas.ts";

/**
 * Digests that were right once and must stay so: for who locked an image, they are the promise. When one of these changes, every
 * image of every user changes; that is a major release.
 */
const GOLDEN = {
  plain: "sha256:9cf2f9235bc7e1b1ccefceaa9f9734b07a6c19bbf4170c8fb78f11b601140138",
  layered: "sha256:50357ada638bb96db07de813a7e6a0f664ce3de7dd4eee38da9e8dab5a735caa",
  both: "sha256:a539cc87f428cc67c851beeb728a140410262de1ea84b1d0d422b165154d253a",
};

const LONG = `${"a-folder-with-a-long-name/".repeat(8)}and-a-file`;
const PARTS: Readonly<Record<string, string>> = {
  base: `
    directory 755 0:0@1600000000 etc
    directory 1777 0:0@1600000000 tmp
    symlink 777 0:0@1600000000 lib -> usr/lib
    character-device 666 0:0@1600000000 dev/null 1,3
    fifo 600 0:0@1600000000 run/pipe`,
  libc6: `
    file 755 0:0@1500000000 usr/lib/libc.so.6 "${"library ".repeat(4000)}"
    file 4755 0:5@1500000000 usr/lib/pt_chown "setuid" {security.capability="\\u0001\\u0000"}`,
  perl: `
    file 755 0:0@1500000001 usr/bin/perl "${"perl ".repeat(3000)}"
    hardlink 755 0:0@1500000001 usr/bin/perl5 => usr/bin/perl
    file 644 300000:300000@9000000000 ${LONG} "far"`,
  "sources.list": `file 644 0:0@1700000000 etc/apt/sources.list "deb …"`,
};

function rootfs(architecture: string): Rootfs {
  const segments = Object.entries(PARTS).map(([origin, text]): Segment => {
    const entries = entriesFromText(text);
    return { key: `${origin} of the golden images`, origin, entries: () => entries };
  });
  return {
    platform: parsePlatform(architecture),
    osRelease: { PRETTY_NAME: "Golden 1", VERSION_ID: "1" },
    packages: ["libc6", "perl"].map((name) => ({ name, version: "1", architecture })),
    segments,
    runtime: { env: { PATH: "/usr/bin" }, cmd: ["/usr/bin/perl"] },
  };
}

const OPTIONS: BuildImageOptions = {
  created: 1_700_000_000,
  runtime: { labels: { b: "2", a: "1" }, expose: ["80/tcp"], volumes: ["/tmp"], user: "1000" },
  annotations: { "org.opencontainers.image.source": "https://example.com/golden" },
  createdBy: "base-kit build golden:1",
};

async function build(architecture: string, options: Partial<BuildImageOptions>): Promise<Image> {
  using context = inContext();
  const image = await buildImage(rootfs(architecture), { ...OPTIONS, ...options }, context);
  // Looked at while its layers are still there.
  await validateImages([image]);
  return image;
}

describe("golden images", () => {
  test("of one uncompressed layer", async () => {
    expect(idOf([await build("amd64", { compression: "none" })])).toBe(GOLDEN.plain);
  });

  test("of several layers, by the portable compressor", async () => {
    const image = await build("arm/v7", { layers: 4, compressor: "portable" });
    expect(image.layers).toHaveLength(4);
    expect(image.manifest.digest).toBe(GOLDEN.layered);
  });

  test("for two architectures", async () => {
    const images = [await build("amd64", { compressor: "portable" }), await build("arm64", { compressor: "portable" })];
    expect(idOf(images)).toBe(GOLDEN.both);
  });
});

describe("every document is as the schemas of OCI want it", () => {
  const kinds: readonly Partial<BuildImageOptions>[] = [
    {},
    { compression: "none", runtime: {}, annotations: {} },
    { layers: 4, compressor: "portable" },
  ];
  test.each(kinds)("%j", async (options) => {
    const images = [await build("amd64", options), await build("arm/v6", options)];
    for (const { config, manifest } of images) {
      expectConfig(await json(config));
      expectManifest(await json(manifest));
    }
    expectIndex(await json(imageIndex(images)));
  });

  test("index.json of an archive too", async () => {
    using context = inContext();
    const image = await buildImage(rootfs("amd64"), OPTIONS, context);
    const archive = (await readContent(hybridArchive([image]))).toString("latin1") as ByteString;
    const at = archive.indexOf('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index');
    expectIndex(JSON.parse(archive.slice(at, archive.indexOf("\0", at))));
  });
});

async function json(blob: Blob): Promise<unknown> {
  return JSON.parse(String(await readContent(blob.open())));
}
