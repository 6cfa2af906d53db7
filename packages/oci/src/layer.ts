import { createHash } from "node:crypto";
import { BaseKitError, type Context, type Layer, type Rootfs, step } from "@base-kit/core";
import { mergedEntries, spool } from "@base-kit/rootfs";
import { writeTar } from "@base-kit/tar";
import { readRange } from "./blob.ts";
import { gzip } from "./gzip.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";

export interface LayerOptions {
  /** A local engine unpacks the layer at once and gains nothing from compression. @default gzip */
  readonly compression?: "none" | "gzip";
}

/**
 * The whole root filesystem as one layer, kept in the context's private directory.
 *
 * @throws BaseKitError `ROOTFS_EMPTY` (unsupported): engines take an empty layer and nobody can use the image
 */
export async function writeLayer(rootfs: Rootfs, options: LayerOptions, context: Context): Promise<Layer> {
  const { compression = "gzip" } = options;
  return step(context, compression === "none" ? "writing the layer" : "compressing the layer", async (handle) => {
    const entries = mergedEntries(rootfs);
    if (entries.every(({ path }) => path === "")) {
      throw new BaseKitError("ROOTFS_EMPTY", "the root filesystem is empty", {
        kind: "unsupported",
        hint: "Check the input and the exclude patterns. Nothing was written.",
      });
    }
    const total = entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
    const hash = createHash("sha256");
    let packed = 0;
    const tar = async function* () {
      for await (const chunk of writeTar(entries)) {
        hash.update(chunk);
        packed += chunk.length;
        handle.progress(packed, { total: Math.max(total, packed) });
        yield chunk;
      }
    };
    const { path, size, sha256 } = await spool(compression === "gzip" ? gzip(tar()) : tar(), context);
    handle.detail(entries.length === 1 ? "1 entry" : `${entries.length} entries`);
    return {
      mediaType: LAYER_MEDIA_TYPE[compression],
      digest: `sha256:${sha256}`,
      diffId: `sha256:${hash.digest("hex")}`,
      size,
      compression,
      open: () => readRange(path, 0, size),
    };
  });
}
