import { createHash } from "node:crypto";
import {
  BaseKitError,
  type Blob,
  type ByteString,
  type Context,
  formatPlatform,
  type Image,
  type Layer,
  printable,
} from "@base-kit/core";
import { decompress } from "@base-kit/store";
import { compareTreeOrder, TarReader } from "@base-kit/tar";

/**
 * Reads the whole image again and compares it with what it says of itself: digest and size of every blob, diffID of every
 * layer, the layer as a tar (every path once, parents first, no deletion marks), and that config, manifest and layers name
 * each other. No single engine checks all of these, so each image is checked here before it is handed to one.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification); the signal's reason when it is aborted
 */
export async function validateImage(image: Image, { signal }: Partial<Pick<Context, "signal">> = {}): Promise<void> {
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
    await validateLayer(layer, { name: `layer ${index}`, signal });
  }
}

/**
 * The same for one image per platform, no platform twice.
 *
 * @throws BaseKitError as `validateImage`
 */
export async function validateImages(
  images: readonly Image[],
  { signal }: Partial<Pick<Context, "signal">> = {},
): Promise<void> {
  const platforms = images.map(({ platform }) => formatPlatform(platform));
  expectSame("platforms", [...new Set(platforms)].join(), platforms.join());
  for (const image of images) await validateImage(image, signal === undefined ? {} : { signal });
}

interface LayerCheck {
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

async function validateLayer(layer: Layer, { name, signal }: LayerCheck): Promise<void> {
  const blob = hashed(layer.open());
  const tar = hashed(layer.compression === "none" ? blob.chunks : decompress(blob.chunks));
  const seen = new Set<string>();
  let last: ByteString | undefined;
  const reader = new TarReader({
    name,
    onEntry: (entry) => {
      const path = printable(`/${entry.path}`);
      if (seen.has(entry.path)) invalid(name, "every path once", `${path} twice`);
      if (last !== undefined && compareTreeOrder(last, entry.path) > 0) {
        invalid(name, "sorted entries", `${path} after ${printable(`/${last}`)}`);
      }
      if (/(?:^|\/)\.wh\.[^/]*$/.test(entry.path)) invalid(name, "no deletion marks", path);
      if (entry.type === "hardlink" && !seen.has(entry.target)) {
        invalid(name, "hard links after what they link to", `${path} before it`);
      }
      seen.add(entry.path);
      last = entry.path;
    },
  });
  for await (const chunk of tar.chunks) {
    signal?.throwIfAborted();
    reader.push(chunk);
  }
  reader.end();
  expectSame(`digest of ${name}`, layer.digest, blob.digest());
  expectSame(`size of ${name}`, String(layer.size), String(blob.size()));
  expectSame(`diffID of ${name}`, layer.diffId, tar.digest());
}

/** A stream that knows the digest and size of what has gone through. */
function hashed(source: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  let size = 0;
  const chunks = async function* () {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  return { chunks: chunks(), digest: () => `sha256:${hash.digest("hex")}`, size: () => size };
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

function expectSame(what: string, expected: string, found: string): void {
  if (expected !== found) invalid(what, expected, found);
}

function invalid(what: string, expected: string, found: string): never {
  throw new BaseKitError(
    "IMAGE_INVALID",
    `the image is not sound: ${what}: expected ${expected}, found ${printable(found)}`,
    {
      kind: "verification",
      hint: "It was not handed on. If base-kit has just written it, the disk or a bug is at fault: please report it.",
    },
  );
}
