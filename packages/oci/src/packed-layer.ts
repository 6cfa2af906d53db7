import { createHash, type Hash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import type { Context, Digest, Layer } from "@base-kit/core";
import { spool } from "@base-kit/rootfs";
import { END_OF_TAR, writeTar } from "@base-kit/tar";
import { alongside } from "./alongside.ts";
import { readRange } from "./blob.ts";
import type { Compressor } from "./compressors/compressor.ts";
import { inOrder, type Piece } from "./in-order.ts";
import { expectSame } from "./invalid.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";
import { type KeptMember, type MemberCache, memberCache } from "./member-cache.ts";
import type { LayerPlan, MemberPlan } from "./plan-layers.ts";
import { noteSound, readTree } from "./validate-layer.ts";

interface Job {
  readonly compressor: Compressor;
  readonly context: Context;
  /** Hears how many bytes of the tar are done. */
  readonly onBytes: (count: number) => void;
}

export interface PackedLayer extends Layer {
  /** How many members had to be compressed, and how many there are. */
  readonly compressed: number;
  readonly members: number;
  /** Its bytes, one after the other, as the store has them; where it can be written to. */
  readonly parts: readonly KeptMember[];
}

/** A compressed layer, put together from members that were kept and those that are new. */
export async function packedLayer(plan: LayerPlan, job: Job): Promise<PackedLayer> {
  const cache = memberCache(job.compressor.id, job.context);
  return (await recordedLayer(plan, cache, job)) ?? (await newLayer(plan, cache, job));
}

/** The layer of a build before, when all of it is still there: nothing is compressed, and no file of the tree is read. */
async function recordedLayer(plan: LayerPlan, cache: MemberCache, job: Job): Promise<PackedLayer | undefined> {
  const found = await cache.layer(plan.members.map(({ key }) => key));
  const open = found && (await partsIn(job.context.store, found.members));
  if (found === undefined || open === undefined) return undefined;
  const counts = { compressed: 0, members: plan.members.length, parts: found.members };
  return layer(job.compressor, { ...found, open }, counts);
}

/** The parts one after the other, when all of them are in the store. */
export async function partsIn(
  store: Context["store"],
  parts: readonly KeptMember[],
): Promise<(() => AsyncIterable<Uint8Array>) | undefined> {
  const paths: string[] = [];
  for (let at = 0; at < parts.length; at += LOOKED_UP) {
    const some = parts.slice(at, at + LOOKED_UP).map(({ digest }) => store.get(digest));
    for (const path of await Promise.all(some)) {
      if (path === undefined) return undefined;
      paths.push(path);
    }
  }
  return () => contentsOf(paths, parts);
}

/** Members that are read and hashed at once; each is in memory as a whole. */
const LOOKED_UP = 16;

/** A member larger than this is read piece by piece. */
const AT_ONCE = 1024 ** 2;

/** Small files are read while nothing else could be done in the time it takes to wait for them. */
async function* contentsOf(
  paths: readonly string[],
  members: readonly KeptMember[],
): AsyncGenerator<Buffer, void, void> {
  for (const [at, path] of paths.entries()) {
    if ((members[at] as KeptMember).size > AT_ONCE) yield* createReadStream(path, { highWaterMark: AT_ONCE });
    else yield readFileSync(path);
  }
}

/** It is looked at while it is written, by who knows only its bytes, and its parts go into the store as soon as they are whole. */
async function newLayer(plan: LayerPlan, cache: MemberCache, job: Job): Promise<PackedLayer> {
  const { compressor, context } = job;
  const { compression } = compressor;
  const diffId = createHash("sha256");
  const parts = [...plan.members.map(partOf), partOf(undefined)];
  let keeping: Promise<void> = Promise.resolve();
  const keep = async (part: Part | undefined) => {
    if (part?.held === undefined || !part.isNew) return;
    const { held } = part;
    part.held = undefined;
    // One after the other, so that no more than two are in memory.
    await keeping;
    keeping = cache.keepMember(part.key, keptMember(part), inTurn(held));
    // Awaited below.
    keeping.catch(() => {});
    part.isKept = true;
  };
  const bytes = async function* () {
    let current: Part | undefined;
    for await (const { of: part, bytes } of inOrder(piecesOf(parts, { ...job, cache, diffId }))) {
      if (part !== current) await keep(current);
      current = part;
      take(part, bytes);
      yield bytes;
    }
    await keep(current);
  };
  const { chunks, watched } = alongside(bytes(), (all) => readTree({ compression }, all, NAME));
  const { path, size, sha256 } = await spool(chunks, context).finally(() => keeping);
  const made = { digest: `sha256:${sha256}`, diffId: `sha256:${diffId.digest("hex")}`, size } as const;
  expectSame(`diffID of ${NAME}`, made.diffId, String(await watched));
  await noteSound({ ...made, compression }, context.store);
  const members = parts.map(keptMember);
  let start = 0;
  for (const part of parts) {
    if (part.isNew && !part.isKept)
      await cache.keepMember(part.key, keptMember(part), readRange(path, start, part.size));
    start += part.size;
  }
  await cache.keepLayer(
    plan.members.map(({ key }) => key),
    { ...made, members },
  );
  const compressed = parts.filter((part) => part.isNew && part.plan !== undefined).length;
  const open = () => readRange(path, 0, size);
  return layer(compressor, { ...made, open }, { compressed, members: plan.members.length, parts: members });
}

const NAME = "the new layer";

/** A member, or the end of the tar, on its way into the layer. */
interface Part {
  readonly plan: MemberPlan | undefined;
  readonly key: string;
  readonly hash: Hash;
  size: number;
  isNew: boolean;
  /** Its bytes, unless there are too many of them. */
  held: Buffer[] | undefined;
  isKept: boolean;
  digest?: Digest;
}

const END = "end";
/** Of one part; a larger one is read again. */
const HELD_AT_MOST = 16 * 1024 ** 2;

function partOf(plan: MemberPlan | undefined): Part {
  const key = plan?.key ?? END;
  return { plan, key, hash: createHash("sha256"), size: 0, isNew: false, held: [], isKept: false };
}

function take(part: Part, bytes: Buffer): void {
  part.hash.update(bytes);
  part.size += bytes.length;
  if (part.isNew && part.size <= HELD_AT_MOST) part.held?.push(bytes);
  else part.held = undefined;
}

/** Of a part that is whole. */
function keptMember(part: Part): KeptMember {
  part.digest ??= `sha256:${part.hash.digest("hex")}`;
  return { digest: part.digest, size: part.size };
}

async function* inTurn(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* chunks;
}

async function* piecesOf(
  parts: readonly Part[],
  job: Job & { readonly cache: MemberCache; readonly diffId: Hash },
): AsyncGenerator<Piece<Part>, void, void> {
  for (const part of parts) {
    const tar = heard(part.plan === undefined ? [END_OF_TAR] : tarOf(part.plan), job);
    const kept = await job.cache.member(part.key);
    const path = kept === undefined ? undefined : await job.context.store.get(kept.digest);
    if (path === undefined) {
      part.isNew = true;
      for await (const { bytes } of job.compressor.pieces(tar)) yield { of: part, bytes };
    } else {
      for await (const bytes of createReadStream(path, { highWaterMark: 1024 ** 2 })) yield { of: part, bytes };
      for await (const _ of tar);
    }
  }
}

function tarOf({ entries, archive }: MemberPlan): AsyncIterable<Uint8Array> {
  if (archive === undefined) return writeTar(entries, { unterminated: true });
  return readRange(archive.path, 0, archive.size - END_OF_TAR.length);
}

async function* heard(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { diffId, onBytes, context }: Job & { readonly diffId: Hash },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    context.signal.throwIfAborted();
    diffId.update(chunk);
    onBytes(chunk.length);
    yield chunk;
  }
}

interface Made {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
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
