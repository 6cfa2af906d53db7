import { createHash } from "node:crypto";
import { type Blob, type Context, formatPlatform, type Image } from "@base-kit/core";
import { expectSame, invalid } from "./invalid.ts";
import { validateLayer } from "./validate-layer.ts";

/** What a context has. Without a store, every layer is unpacked. */
export type ValidateOptions = Partial<Pick<Context, "signal" | "store">>;

/**
 * Reads the whole image again and compares it with what it says of itself: digest and size of every blob, diffID of every
 * layer, the layer as a tar (every path once, parents first, no deletion marks), and that config, manifest and layers name
 * each other. No single engine checks all of these, so each image is checked here before it is handed to one. Not read a second
 * time are layers whose parts `buildImage` has just taken from the store, and compared there, and those that are the archive of a
 * segment, which was read behind the program that wrote it.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification); the signal's reason when it is aborted
 */
export async function validateImage(image: Image, context: ValidateOptions = {}): Promise<void> {
  const config = await readJson(image.config, "config");
  const manifest = await readJson(image.manifest, "manifest");
  const diffIds = (config["rootfs"] as { diff_ids?: readonly string[] } | undefined)?.diff_ids ?? [];
  expectSame("config.rootfs.diff_ids", image.layers.map(({ diffId }) => diffId).join(), diffIds.join());
  expectSame("config.architecture", image.platform.architecture, String(config["architecture"]));
  expectSame("config.os", image.platform.os, String(config["os"]));
  expectDescriptor("manifest.config", image.config, manifest["config"]);
  const layers = (manifest["layers"] ?? []) as readonly unknown[];
  expectSame("number of layers", String(image.layers.length), String(layers.length));
  for (const [index, layer] of image.layers.entries()) {
    expectDescriptor(`manifest.layers[${index}]`, layer, layers[index]);
    await validateLayer(layer, { name: `layer ${index}`, ...context });
  }
}

/**
 * The same for one image per platform, no platform twice.
 *
 * @throws BaseKitError as `validateImage`
 */
export async function validateImages(images: readonly Image[], context: ValidateOptions = {}): Promise<void> {
  const platforms = images.map(({ platform }) => formatPlatform(platform));
  expectSame("platforms", [...new Set(platforms)].join(), platforms.join());
  for (const image of images) await validateImage(image, context);
}

/** Config and manifest are small by nature; containers/image stops at the same size. */
const JSON_AT_MOST = 4 * 1024 ** 2;

async function readJson(blob: Blob, name: string): Promise<Record<string, unknown>> {
  if (blob.size > JSON_AT_MOST) invalid(name, `at most ${JSON_AT_MOST} bytes`, String(blob.size));
  const parts: Uint8Array[] = [];
  for await (const chunk of blob.open()) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  expectSame(`size of the ${name}`, String(blob.size), String(bytes.length));
  expectSame(`digest of the ${name}`, blob.digest, `sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  try {
    return JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch (error) {
    return invalid(name, "JSON", String(error));
  }
}

function expectDescriptor(name: string, blob: Blob, found: unknown): void {
  const { mediaType, digest, size } = (found ?? {}) as Partial<Blob>;
  expectSame(`${name}.mediaType`, blob.mediaType, String(mediaType));
  expectSame(`${name}.digest`, blob.digest, String(digest));
  expectSame(`${name}.size`, String(blob.size), String(size));
}
