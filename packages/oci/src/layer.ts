import { createHash } from "node:crypto";
import {
  BaseKitError,
  type Context,
  type Entry,
  type Layer,
  type Rootfs,
  type SegmentArchive,
  step,
} from "@base-kit/core";
import { isSameTree, mergedEntries, spool } from "@base-kit/rootfs";
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
    const archive = compression === "none" ? wholeArchive(rootfs, entries) : undefined;
    if (archive !== undefined) {
      handle.detail("as it was read");
      return plainLayer(archive);
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

/** The archive of the only segment, when it holds just the entries the layer shall hold, in the same order. */
function wholeArchive({ segments }: Rootfs, entries: readonly Entry[]): SegmentArchive | undefined {
  const [only, ...others] = segments;
  if (only?.archive === undefined || others.length > 0) return undefined;
  return isSameTree(only.entries(), entries) ? only.archive : undefined;
}

function plainLayer({ path, size, digest }: SegmentArchive): Layer {
  const mediaType = LAYER_MEDIA_TYPE.none;
  return { mediaType, digest, diffId: digest, size, compression: "none", open: () => readRange(path, 0, size) };
}
