import type { Context, Digest, Image } from "@base-kit/core";
import { spool } from "@base-kit/rootfs";
import { decompress } from "@base-kit/store";
import { writeTar } from "@base-kit/tar";
import { readRange } from "./blob.ts";
import { flattenLayers } from "./flatten-layers.ts";

export interface PlainTar {
  readonly digest: Digest;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * What a container sees of the image, as one uncompressed tar: an only layer as it is, several laid over each other.
 *
 * @throws BaseKitError as `flattenLayers`
 */
export async function plainTar(image: Image, context: Pick<Context, "tempDir" | "signal">): Promise<PlainTar> {
  const [only, ...others] = image.layers;
  if (only !== undefined && others.length === 0) {
    return { digest: only.diffId, open: () => (only.compression === "none" ? only.open() : decompress(only.open())) };
  }
  const { entries } = await flattenLayers(image, context);
  const { path, size, sha256 } = await spool(writeTar(entries), context);
  return { digest: `sha256:${sha256}`, open: () => readRange(path, 0, size) };
}
