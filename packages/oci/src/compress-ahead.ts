import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Context, Rootfs } from "@base-kit/core";
import { writeTar } from "@base-kit/tar";
import { type Compressor, compressed, findCompressor } from "./compressors/compressor.ts";
import type { LayerOptions } from "./layer.ts";
import { type MemberCache, memberCache } from "./member-cache.ts";
import { takeMember } from "./new-member.ts";
import { type MemberPlan, planLayers } from "./plan-layers.ts";

export interface Ahead {
  /** Fulfilled when there is nothing more to do, or it was stopped; never rejected. */
  readonly ended: Promise<void>;
  /** Begins nothing more, and gives `ended`. */
  stop(): Promise<void>;
}

/** More would wait for libuv's threads, of which there are four. */
const AT_ONCE = 3;

/**
 * Compresses parts of layers that will most likely be wanted, while something else takes its time, and keeps them where `buildImage`
 * looks for them. One core is left to that other thing. Nothing depends on it: what goes wrong here is made, and told, later.
 */
export function compressAhead(
  rootfs: Pick<Rootfs, "segments" | "packages">,
  { compression = "gzip", compressor: kind = "node" }: Pick<LayerOptions, "compression" | "compressor">,
  outer: Context,
): Ahead {
  if (compression === "none") return { ended: Promise.resolve(), stop: async () => {} };
  const stopping = new AbortController();
  const context = { ...outer, reporter: { emit: () => {} } };
  const work = async () => {
    const compressor = await findCompressor({ compression, compressor: kind }, context);
    const cache = memberCache(compressor.id, context);
    const waiting = membersBySize(rootfs);
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (stopping.signal.aborted || context.signal.aborted) return;
        await keepCompressed(next, { compressor, cache, context });
      }
    };
    const workers = Math.max(1, Math.min(AT_ONCE, availableParallelism() - 1));
    await Promise.allSettled(Array.from({ length: workers }, worker));
  };
  const ended = work().catch(() => {});
  return {
    ended,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** The largest first: when it is time to stop, only a small one is under way. Directories, which come first, are not foreseen. */
function membersBySize(rootfs: Pick<Rootfs, "segments" | "packages">): MemberPlan[] {
  const members = planLayers(rootfs).flatMap(({ members: [_, ...own] }) => own);
  return members.sort((a, b) => b.size - a.size);
}

interface Job {
  readonly compressor: Compressor;
  readonly cache: MemberCache;
  readonly context: Context;
}

async function keepCompressed({ key, entries }: MemberPlan, { compressor, cache, context }: Job): Promise<void> {
  if ((await cache.member(key)) !== undefined) return;
  const tar = createHash("sha256");
  let size = 0;
  const source = async function* () {
    for await (const chunk of writeTar(entries(), { unterminated: true, transient: true })) {
      tar.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  const chunks = compressed(source(), compressor, 2);
  const { placed } = await takeMember(
    { key, chunks, tar: () => ({ digest: `sha256:${tar.digest("hex")}`, size }) },
    { compression: compressor.compression, cache, context },
  );
  const { path, isStored } = await placed;
  if (!isStored) await rm(path);
}
