import { createHash } from "node:crypto";
import {
  BaseKitError,
  type Context,
  type Entry,
  type Image,
  type Layer,
  printable,
  type Segment,
} from "@base-kit/core";
import { spool } from "@base-kit/rootfs";
import { decompress } from "@base-kit/store";
import { DEFAULT_LIMITS, indexTar } from "@base-kit/tar";
import { type Hidden, LayeredTree } from "./layered-tree.ts";

export interface FlattenedImage {
  /** What a container sees: one tree, sorted, every path once, nothing deleted in it. */
  readonly entries: readonly Entry[];
  /** The number of the layer that brought each of the entries, in their order; the bottom one is 0. */
  readonly origins: readonly number[];
  /** Files that lower layers carry and nobody sees. */
  readonly hidden: readonly Hidden[];
  readonly layers: readonly FlattenedLayer[];
}

export interface FlattenedLayer {
  /** Entries in its tar, deletion marks included. */
  readonly entries: number;
  /** Bytes of its tar. */
  readonly size: number;
}

/** Headers and padding come on top of the content that the tar reader's limits count. */
const HEADERS_ALLOWANCE = 4 * 1024 ** 3;

/**
 * Lays the layers of an image over each other as an engine does (OCI image specification 1.1, "Applying Changesets"): later
 * entries replace earlier ones, deletion marks remove them, symbolic links on the way are followed inside the root. The layers
 * are kept unpacked in the context's private directory, and compared with their diffIDs.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification) for a wrong diffID; `LAYER_…`, `TAR_…`, `DECOMPRESS_…` (unsupported)
 */
export async function flattenLayers(
  image: Image,
  context: Pick<Context, "tempDir" | "signal">,
): Promise<FlattenedImage> {
  const tree = new LayeredTree();
  const layers: FlattenedLayer[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const name = `layer ${index}`;
    const { path, size } = await unpack(layer, name, context);
    const entries = indexTar(path, { name });
    tree.apply(entries, index);
    layers.push({ entries: entries.length, size });
  }
  return { ...tree.flattened(), hidden: tree.hidden, layers };
}

/** The same as one segment: an image as the root filesystem of another. */
export async function flattenedSegment(image: Image, context: Pick<Context, "tempDir" | "signal">): Promise<Segment> {
  const { entries } = await flattenLayers(image, context);
  const diffIds = image.layers.map(({ diffId }) => diffId).join();
  const key = `layers:sha256:${createHash("sha256").update(diffIds).digest("hex")}`;
  return { key, origin: "base", entries: () => entries, layers: image.layers };
}

async function unpack(layer: Layer, name: string, context: Pick<Context, "tempDir" | "signal">) {
  const limit = DEFAULT_LIMITS.unpacked + HEADERS_ALLOWANCE;
  const tar = layer.compression === "none" ? layer.open() : decompress(layer.open(), { limit, name });
  const unpacked = await spool(tar, context);
  if (`sha256:${unpacked.sha256}` === layer.diffId) return unpacked;
  throw new BaseKitError(
    "IMAGE_INVALID",
    `the image is not sound: diffID of ${printable(name)}: expected ${layer.diffId}, found sha256:${unpacked.sha256}`,
    { kind: "verification", hint: "It is damaged, or was put together wrongly. Nothing of it was used." },
  );
}
