import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileEntry } from "@base-kit/rootfs";
import { readContent } from "@base-kit/testing";
import { expect, test } from "vitest";
import { buildImage, recallImage, rememberImage, validateImage } from "../src/index.ts";
import { inContext, type TestContext } from "./in-context.ts";

async function build(context: TestContext, compression: "gzip" | "none" = "gzip") {
  const segments = ["a", "b"].map((name) => ({
    key: name,
    origin: name,
    entries: () => [fileEntry(name, name.repeat(100))],
  }));
  const platform = { os: "linux", architecture: "amd64" } as const;
  const rootfs = { platform, osRelease: {}, packages: [], segments, runtime: { env: { A: "1" }, cmd: ["sh"] } };
  return buildImage(rootfs, { created: 7, annotations: { "org.example": "x" }, compression }, context);
}

test("an image is put together from the store, the same to the last byte", async () => {
  using context = inContext();
  const image = await build(context);
  expect(await rememberImage("key", image, context)).toBe(true);
  using later = inContext(context);
  rmSync(context.tempDir, { recursive: true });
  const found = await recallImage("key", later);
  expect(JSON.parse(JSON.stringify({ ...found, config: 0, manifest: 0, layers: 0 }))).toEqual(
    JSON.parse(JSON.stringify({ ...image, config: 0, manifest: 0, layers: 0 })),
  );
  expect(found?.manifest.digest).toBe(image.manifest.digest);
  expect(found?.layers[0]?.compressor).toBe(image.layers[0]?.compressor);
  if (found !== undefined) await validateImage(found);
  expect(await readContent(found?.config.open() ?? [])).toEqual(await readContent(image.config.open()));
});

test("an image is not found under another key, nor when a part of it is gone or damaged", async () => {
  using context = inContext();
  await rememberImage("key", await build(context), context);
  expect(await recallImage("other", context)).toBeUndefined();
  const folder = join(context.cacheDir, "sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const [first] = files as [(typeof files)[number]];
  using later = inContext(context);
  writeFileSync(join(first.parentPath, first.name), "damaged");
  expect(await recallImage("key", later)).toBeUndefined();
});

test("an image whose layer was published as it is comes from the file that was fetched", async () => {
  using context = inContext();
  const { layers, ...image } = await build(context);
  const [packed] = layers as [(typeof layers)[number]];
  const { parts: _, ...layer } = { ...packed, kept: true, parts: [] };
  await rememberImage("key", { ...image, layers: [layer] }, context);
  expect(await recallImage("key", context)).toBeUndefined();
  await context.store.put({ digest: layer.digest }, layer.open());
  await rememberImage("key", { ...image, layers: [layer] }, context);
  const found = await recallImage("key", context);
  expect(found?.layers[0]).toMatchObject({ digest: layer.digest, diffId: layer.diffId, size: layer.size, kept: true });
  expect(await readContent(found?.layers[0]?.open() ?? [])).toEqual(await readContent(layer.open()));
});

test("an image whose layer is not in the store is not remembered", async () => {
  using context = inContext();
  expect(await rememberImage("key", await build(context, "none"), context)).toBe(false);
  expect(await recallImage("key", context)).toBeUndefined();
});
