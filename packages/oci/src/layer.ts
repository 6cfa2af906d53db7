import { type Context, type Layer, type Rootfs, type SegmentArchive, step } from "@base-kit/core";
import { spool } from "@base-kit/rootfs";
import { END_OF_TAR, writeTar } from "@base-kit/tar";
import { readRange } from "./blob.ts";
import { type CompressorOptions, findCompressor } from "./compressors/compressor.ts";
import { keptLayers, publishedLayer } from "./kept-layers.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";
import { packedLayer } from "./packed-layer.ts";
import { type LayerPlan, planLayers } from "./plan-layers.ts";
import { noteCompared, noteSound } from "./validate-layer.ts";

export interface LayerOptions {
  /** A local engine unpacks the layer at once and gains nothing from compression. @default gzip */
  readonly compression?: Layer["compression"];
  /** Where the root filesystem is one published layer, that one is as good, however it is compressed. @default false */
  readonly orAsPublished?: boolean;
  readonly compressor?: CompressorOptions["compressor"];
  /** How many layers there may be; packages of one source stay together. @default 1 */
  readonly layers?: number;
  /** Takes over the layers of the image that the root filesystem came from, instead of making one of it. @default false */
  readonly keep?: boolean;
}

/** A layer, and what it holds in a few words. */
export interface TitledLayer {
  readonly title: string;
  readonly layer: Layer;
}

/**
 * The whole root filesystem as layers, kept in the context's private directory. What was compressed before is taken from the
 * store.
 *
 * @throws BaseKitError as `planLayers`, and as `keptLayers`
 */
export async function writeLayers(
  rootfs: Rootfs,
  options: LayerOptions,
  context: Context,
): Promise<readonly TitledLayer[]> {
  const { compression = "gzip", orAsPublished, compressor: kind = "node", layers: atMost = 1, keep = false } = options;
  if (keep) return keptLayers(rootfs);
  const asPublished = orAsPublished === true ? undefined : compression;
  const published = atMost === 1 && kind === "node" ? publishedLayer(rootfs, asPublished) : undefined;
  if (published !== undefined) return published;
  const what = atMost === 1 ? "the layer" : "the layers";
  return step(context, compression === "none" ? `writing ${what}` : `compressing ${what}`, async (handle) => {
    const plans = planLayers(rootfs, atMost);
    const total = sizeOf(plans);
    let done = 0;
    const onBytes = (count: number) => {
      done += count;
      handle.progress(done, { total: Math.max(total, done) });
    };
    if (compression === "none") {
      const layers = await inTurn(plans, (plan) => plainLayer(plan, { context, onBytes }));
      const archives = plans.every(({ members }) => members[0]?.archive !== undefined);
      handle.detail(archives ? "as it was read" : entryCount(plans));
      return titled(plans, layers);
    }
    const compressor = await findCompressor({ compression, compressor: kind }, context);
    const layers = await inTurn(plans, (plan) => packedLayer(plan, { compressor, context, onBytes }));
    const compressed = layers.reduce((sum, layer) => sum + layer.compressed, 0);
    const members = layers.reduce((sum, layer) => sum + layer.members, 0);
    const cached = compressed === 0 ? "cached" : `${members - compressed} of ${members} parts cached`;
    handle.detail(compressed === members ? entryCount(plans) : `${entryCount(plans)}, ${cached}`);
    return titled(plans, layers);
  });
}

function titled(plans: readonly LayerPlan[], layers: readonly Layer[]): readonly TitledLayer[] {
  return layers.map((layer, at) => ({ title: plans[at]?.title ?? "", layer }));
}

async function inTurn<T, R>(values: readonly T[], work: (value: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const value of values) results.push(await work(value));
  return results;
}

interface PlainJob {
  readonly context: Context;
  readonly onBytes: (count: number) => void;
}

async function plainLayer({ members }: LayerPlan, { context, onBytes }: PlainJob): Promise<Layer> {
  const [first, ...others] = members;
  if (first?.archive !== undefined && others.length === 0) {
    const layer = layerOf(first.archive);
    // Read and hashed behind the program that wrote it, and known to be a tree.
    await noteSound(layer, context.store);
    noteCompared(layer);
    return layer;
  }
  const tar = async function* () {
    for (const { entries } of members) {
      for await (const chunk of writeTar(entries(), { unterminated: true })) {
        onBytes(chunk.length);
        yield chunk;
      }
    }
    yield END_OF_TAR;
  };
  const { path, size, sha256 } = await spool(tar(), context);
  return layerOf({ path, size, digest: `sha256:${sha256}` });
}

function layerOf({ path, size, digest }: SegmentArchive): Layer {
  const mediaType = LAYER_MEDIA_TYPE.none;
  return { mediaType, digest, diffId: digest, size, compression: "none", open: () => readRange(path, 0, size) };
}

function sizeOf(plans: readonly LayerPlan[]): number {
  return plans.flatMap(({ members }) => members).reduce((sum, { size }) => sum + size, 0);
}

function entryCount(plans: readonly LayerPlan[]): string {
  const all = plans.flatMap(({ members }) => members).reduce((sum, { count }) => sum + count, 0);
  return all === 1 ? "1 entry" : `${all} entries`;
}
