import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip, type ZlibOptions } from "node:zlib";
import type { Context, Digest, Layer } from "@base-kit/core";
import { spool } from "@base-kit/rootfs";
import { decompress } from "@base-kit/store";
import { alongside } from "./alongside.ts";
import { readRange } from "./blob.ts";
import { expectSame } from "./invalid.ts";
import type { MemberCache, ProvenMember } from "./member-cache.ts";

/** A part of a layer that is being compressed. */
export interface NewMember {
  readonly key: string;
  /** Its compressed bytes. */
  readonly chunks: AsyncIterable<Buffer>;
  /** What it is made from, when all of `chunks` was read. */
  tar(): TarDigest;
}

export interface TarDigest {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

interface Job {
  readonly compression: Layer["compression"];
  readonly cache: MemberCache;
  readonly context: Context;
}

export interface Placed extends ProvenMember {
  /** The file that holds it. */
  readonly path: string;
  /** That file is the store's, not one of this build alone. */
  readonly isStored: boolean;
}

/** Compressed bytes in memory, of one part; a larger one is in a file at once. */
export const HELD_AT_MOST: number = 16 * 1024 ** 2;

export interface TakenMember {
  /** Bytes of it that are in memory until it is placed. */
  readonly held: number;
  readonly placed: Promise<Placed>;
}

/**
 * Takes the compressed bytes in, to their end; then unpacks them again, compares that with what they were made from, and keeps
 * them. The caller may go on with the next part in the meantime.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification), from either promise
 */
export async function takeMember(member: NewMember, job: Job): Promise<TakenMember> {
  const held: Buffer[] = [];
  const hash = createHash("sha256");
  let size = 0;
  for await (const bytes of member.chunks) {
    hash.update(bytes);
    held.push(bytes);
    size += bytes.length;
    if (size > HELD_AT_MOST) return { held: 0, placed: Promise.resolve(await largeMember(member, { ...job, held })) };
  }
  const made = { digest: `sha256:${hash.digest("hex")}`, size } as const;
  const placed = heldMember(member, { ...job, held, made });
  // Whoever waits for it is told.
  placed.catch(() => {});
  return { held: size, placed };
}

async function heldMember(
  { key, tar }: NewMember,
  { held, made, compression, cache, context }: Job & { readonly held: readonly Buffer[]; readonly made: TarDigest },
): Promise<Placed> {
  const source = tar();
  const unpacked =
    compression === "gzip" && source.size <= AT_ONCE
      ? await unpackedAtOnce(Buffer.concat(held), source.size)
      : await digestOf(decompress(inTurn(held), { limit: source.size }));
  expectSame("a new part, unpacked", source.digest, unpacked);
  const proven = { ...made, tar: source.digest };
  const stored = await cache.keepMember(key, proven, inTurn(held));
  return {
    ...proven,
    path: stored ?? (await spool(inTurn(held), context)).path,
    isStored: stored !== undefined,
  };
}

/** It is unpacked while it is written, and read again to be kept. */
async function largeMember(
  { key, tar, chunks }: NewMember,
  { held, cache, context }: Job & { readonly held: readonly Buffer[] },
): Promise<Placed> {
  const all = async function* () {
    yield* held;
    yield* chunks;
  };
  const { chunks: passing, watched } = alongside(all(), (bytes) => digestOf(decompress(bytes)));
  const { path, size, sha256 } = await spool(passing, context);
  const source = tar();
  expectSame("a new part, unpacked", source.digest, await watched);
  const proven = { digest: `sha256:${sha256}`, size, tar: source.digest } as const;
  const stored = await cache.keepMember(key, proven, readRange(path, 0, size));
  if (stored !== undefined) await rm(path);
  return { ...proven, path: stored ?? path, isStored: stored !== undefined };
}

/** In one call, which for hundreds of parts takes half of what streams do. */
const AT_ONCE = 4 * 1024 ** 2;

const gunzipAtOnce = promisify<Uint8Array, ZlibOptions & { readonly info: true }, Unzipped>(gunzip as never);

interface Unzipped {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

async function unpackedAtOnce(compressed: Buffer, expected: number): Promise<Digest> {
  const { buffer, engine } = await gunzipAtOnce(compressed, { chunkSize: expected + 64, info: true });
  // What follows the compressed data is left out in silence.
  expectSame("bytes of a new part that are gzip", String(compressed.length), String(engine.bytesWritten));
  return `sha256:${createHash("sha256").update(buffer).digest("hex")}`;
}

async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

async function* inTurn(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* chunks;
}
