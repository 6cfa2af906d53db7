import type { Digest, Layer } from "@base-kit/core";
import type { Compressor } from "./compressors/compressor.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";
import { type KeptMember, memberCache } from "./member-cache.ts";
import { type LayerJob, newLayer } from "./new-layer.ts";
import type { LayerPlan } from "./plan-layers.ts";
import { partsIn } from "./stored-parts.ts";
import { noteCompared } from "./validate-layer.ts";

export interface PackedLayer extends Layer {
  /** How many members had to be compressed, and how many there are. */
  readonly compressed: number;
  readonly members: number;
  /** Its bytes, one after the other, as the store has them; where it can be written to. */
  readonly parts: readonly KeptMember[];
}

/** A compressed layer, put together from members that were kept and those that are new. */
export async function packedLayer(plan: LayerPlan, outer: Omit<LayerJob, "cache">): Promise<PackedLayer> {
  const job = { ...outer, cache: memberCache(outer.compressor.id, outer.context) };
  return (await recordedLayer(plan, job)) ?? (await madeLayer(plan, job));
}

/** The layer of a build before, when all of it is still there: nothing is compressed, and no file of the tree is read. */
async function recordedLayer({ members }: LayerPlan, job: LayerJob): Promise<PackedLayer | undefined> {
  const found = await job.cache.layer(members.map(({ key }) => key));
  const open = found && (await partsIn(job.context.store, found.members));
  if (found === undefined || open === undefined) return undefined;
  const counts = { compressed: 0, members: members.length, parts: found.members };
  const recorded = layer(job.compressor, { ...found, open }, counts);
  noteCompared(recorded);
  return recorded;
}

async function madeLayer(plan: LayerPlan, job: LayerJob): Promise<PackedLayer> {
  const made = await newLayer(plan, job);
  const { digest, diffId, size, parts, compressed } = made;
  const keys = plan.members.map(({ key }) => key);
  await job.cache.keepLayer(keys, { digest, diffId, size, members: parts });
  return layer(job.compressor, made, { compressed, members: keys.length, parts });
}

interface Made {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly size: number;
  readonly open: Layer["open"];
}

function layer(
  { id, compression }: Compressor,
  { digest, diffId, size, open }: Made,
  counts: Pick<PackedLayer, "compressed" | "members" | "parts">,
): PackedLayer {
  return {
    mediaType: LAYER_MEDIA_TYPE[compression],
    digest,
    diffId,
    size,
    compression,
    compressor: id,
    open,
    ...counts,
  };
}
