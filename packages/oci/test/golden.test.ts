import type { Blob, ByteString } from "@base-kit/core";
import { readContent, requireOciDocument } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { type BuildImageOptions, buildImage, hybridArchive, imageIndex, validateImages } from "../src/index.ts";
import { GOLDEN, goldenDigests, goldenRootfs, OPTIONS } from "./golden-images.ts";
import { inContext } from "./in-context.ts";

test("the golden images are what they were", async () => {
  expect(await goldenDigests("forward")).toEqual(GOLDEN);
});

describe("every document is as the schemas of OCI want it", () => {
  const kinds: readonly Partial<BuildImageOptions>[] = [
    {},
    { compression: "none", runtime: {}, annotations: {} },
    { layers: 4, compressor: "portable" },
  ];
  test.each(kinds)("%j", async (options) => {
    using context = inContext();
    const build = (architecture: string) => buildImage(goldenRootfs(architecture), { ...OPTIONS, ...options }, context);
    const images = [await build("amd64"), await build("arm/v6")];
    await validateImages(images);
    for (const { config, manifest } of images) {
      requireOciDocument("config", await json(config));
      requireOciDocument("manifest", await json(manifest));
    }
    requireOciDocument("index", await json(imageIndex(images)));
  });

  test("index.json of an archive too", async () => {
    using context = inContext();
    const image = await buildImage(goldenRootfs("amd64"), OPTIONS, context);
    const archive = (await readContent(hybridArchive([image]))).toString("latin1") as ByteString;
    const at = archive.indexOf('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index');
    requireOciDocument("index", JSON.parse(archive.slice(at, archive.indexOf("\0", at))));
  });
});

async function json(blob: Blob): Promise<unknown> {
  return JSON.parse(String(await readContent(blob.open())));
}

describe("what is not as the schemas want it is refused", () => {
  const descriptor = { mediaType: "application/x", digest: `sha256:${"0".repeat(64)}`, size: 1 };
  const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
  test.each([
    ["layout", { imageLayoutVersion: "2.0.0" }],
    ["index", { schemaVersion: 2, manifests: [{ ...descriptor, platform: { os: "linux" } }] }],
    ["index", { schemaVersion: 2, manifests: [], annotations: { a: 1 } }],
    ["manifest", { ...manifest, layers: [] }],
    ["manifest", { ...manifest, config: { ...descriptor, digest: "none" } }],
    ["manifest", { ...manifest, colour: "red" }],
    ["config", { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [1] } }],
    ["config", { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] }, created: "today" }],
  ] as const)("as %s: %j", (kind, document) => {
    expect(() => requireOciDocument(kind, document)).toThrow(`this is no OCI ${kind}`);
  });
});
