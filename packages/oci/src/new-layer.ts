import { createHash, type Hash } from "node:crypto";
import type { Context, Digest, Layer } from "@base-kit/core";
import { END_OF_TAR, type TarReader, writeTar } from "@base-kit/tar";
import { readRange } from "./blob.ts";
import type { Compressor } from "./compressors/compressor.ts";
import { inOrder, type Piece, runsOf } from "./in-order.ts";
import { expectSame } from "./invalid.ts";
import type { KeptMember, MemberCache } from "./member-cache.ts";
import { HELD_AT_MOST, type Placed, type TakenMember, type TarDigest, takeMember } from "./new-member.ts";
import type { LayerPlan, MemberPlan } from "./plan-layers.ts";
import { contentsOf } from "./stored-parts.ts";
import { noteSound, treeReader } from "./validate-layer.ts";

export interface LayerJob {
  readonly compressor: Compressor;
  readonly cache: MemberCache;
  readonly context: Context;
  /** Hears how many bytes of the tar are done. */
  readonly onBytes: (count: number) => void;
}

export interface NewLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** Bytes. */
  readonly size: number;
  /** How many members had to be compressed. */
  readonly compressed: number;
  /** Its bytes, one after the other. */
  readonly parts: readonly KeptMember[];
  readonly open: Layer["open"];
}

/**
 * Its tar is looked at while it is made, by who knows only its bytes. New parts are unpacked again and go into the store as soon as
 * they are whole; of parts that were kept it is enough that they were made from the same bytes.
 */
export async function newLayer(plan: LayerPlan, job: LayerJob): Promise<NewLayer> {
  const { cache, context } = job;
  const { compression } = job.compressor;
  const parts = [...plan.members, END].map((member): Part => ({ member, tar: createHash("sha256"), size: 0 }));
  const tar = { diffId: createHash("sha256"), reader: treeReader(NAME) };
  const whole = createHash("sha256");
  let size = 0;
  const placed: Promise<Placed>[] = [];
  let held: readonly TakenMember[] = [];
  try {
    for await (const { of: part, chunks } of runsOf(inOrder(piecesOf(parts, { ...job, ...tar })))) {
      const passing = seen(chunks, (bytes) => {
        whole.update(bytes);
        size += bytes.length;
      });
      if (part.kept !== undefined) {
        for await (const _ of passing);
        placed.push(Promise.resolve(part.kept));
        continue;
      }
      const member = { key: part.member.key, chunks: passing, tar: () => tarDigest(part) };
      const taken = await takeMember(member, { compression, cache, context });
      placed.push(taken.placed);
      held = await withinMemory([...held, taken]);
    }
    tar.reader.end();
  } finally {
    await Promise.allSettled(placed);
  }
  const found = await Promise.all(placed);
  const members = found.map((each): KeptMember => ({ digest: each.digest, size: each.size }));
  const paths = found.map(({ path }) => path);
  const made = { digest: hexOf(whole), diffId: hexOf(tar.diffId), size };
  await noteSound({ ...made, compression }, context.store);
  const compressed = parts.filter(({ kept, member }) => kept === undefined && member !== END).length;
  return { ...made, compressed, parts: members, open: (options) => contentsOf(paths, members, options) };
}

const NAME = "the new layer";

/** Those that are still in memory, when there are not too many of them any more. */
async function withinMemory(members: readonly TakenMember[]): Promise<readonly TakenMember[]> {
  const held = [...members];
  let bytes = held.reduce((sum, each) => sum + each.held, 0);
  for (let first = held[0]; first !== undefined && bytes > HELD_AT_MOST; first = held[0]) {
    await first.placed;
    bytes -= first.held;
    held.shift();
  }
  return held;
}

/** A member, or the end of the tar, on its way into the layer. */
interface Part {
  readonly member: Pick<MemberPlan, "key" | "entries" | "archive">;
  /** Of what it is made from, and the bytes of that. */
  readonly tar: Hash;
  size: number;
  kept?: Placed;
}

const END: Part["member"] = { key: "end", entries: () => [] };

function tarDigest({ tar, size }: Part): TarDigest {
  return { digest: hexOf(tar.copy()), size };
}

function hexOf(hash: Hash): Digest {
  return `sha256:${hash.digest("hex")}`;
}

async function* seen(chunks: AsyncIterable<Buffer>, see: (bytes: Buffer) => void): AsyncGenerator<Buffer, void, void> {
  for await (const bytes of chunks) {
    see(bytes);
    yield bytes;
  }
}

interface Making extends LayerJob {
  readonly diffId: Hash;
  readonly reader: TarReader;
}

async function* piecesOf(parts: readonly Part[], job: Making): AsyncGenerator<Piece<Part>, void, void> {
  for (const part of parts) {
    const tar = heard(part, job);
    const kept = await job.cache.member(part.member.key);
    const path = kept === undefined ? undefined : await job.context.store.get(kept.digest);
    if (kept === undefined || path === undefined) {
      for await (const { bytes } of job.compressor.pieces(tar)) yield { of: part, bytes };
      continue;
    }
    part.kept = { ...kept, path, isStored: true };
    for await (const _ of tar);
    expectSame("a part that was kept, unpacked", tarDigest(part).digest, kept.tar);
    for await (const bytes of contentsOf([path], [kept])) yield { of: part, bytes };
  }
}

function tarOf(member: Part["member"]): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  const { entries, archive } = member;
  if (member === END) return [END_OF_TAR];
  if (archive === undefined) return writeTar(entries(), { unterminated: true, transient: true });
  return readRange(archive.path, 0, archive.size - END_OF_TAR.length);
}

async function* heard(
  part: Part,
  { diffId, reader, onBytes, context }: Making,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of tarOf(part.member)) {
    context.signal.throwIfAborted();
    diffId.update(chunk);
    part.tar.update(chunk);
    part.size += chunk.length;
    reader.push(chunk);
    onBytes(chunk.length);
    yield chunk;
  }
}
