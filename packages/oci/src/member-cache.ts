import { createHash } from "node:crypto";
import { type Context, type Digest, isBaseKitError, printable } from "@base-kit/core";

/** Where a part of a layer is kept: the store's file of this digest. */
export interface KeptMember {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A part that was found to be, unpacked, what it was made from. */
export interface ProvenMember extends KeptMember {
  /** Digest of it unpacked. */
  readonly tar: Digest;
}

export interface KeptLayer extends KeptMember {
  readonly diffId: Digest;
  readonly members: readonly KeptMember[];
}

/**
 * What was compressed before, by what determines its bytes. All of it may be gone or wrong at any time: files are compared with
 * their digest when they are taken, and whatever does not fit is made again.
 */
export interface MemberCache {
  member(key: string): Promise<ProvenMember | undefined>;
  layer(keys: readonly string[]): Promise<KeptLayer | undefined>;
  /** Gives where it is then; undefined where nothing can be kept. */
  keepMember(key: string, member: ProvenMember, bytes: AsyncIterable<Uint8Array>): Promise<string | undefined>;
  keepLayer(keys: readonly string[], layer: KeptLayer): Promise<void>;
}

/** A cache that cannot be written to is told of once and costs nothing but time. */
export function memberCache(
  compressorId: string,
  { store, reporter }: Pick<Context, "store" | "reporter">,
): MemberCache {
  let usable = true;
  const keep = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (!usable) return undefined;
    try {
      return await work();
    } catch (error) {
      if (!isBaseKitError(error) || error.kind !== "environment") throw error;
      usable = false;
      reporter.emit({
        type: "warned",
        code: "CACHE_UNUSABLE",
        message: `what was compressed is not kept for the next build: ${printable(error.message)}`,
      });
      return undefined;
    }
  };
  const recall = async <T>(key: string): Promise<T | undefined> => {
    const found = await store.recall(key);
    return found === undefined ? undefined : (JSON.parse(found.toString()) as T);
  };
  const remember = (key: string, value: unknown) => store.remember(key, Buffer.from(JSON.stringify(value)));
  const memberKey = (key: string) => `proven layer-member ${compressorId} ${key}`;
  const layerKey = (keys: readonly string[]) =>
    `layer ${compressorId} ${createHash("sha256").update(keys.join("\n")).digest("hex")}`;
  return {
    member: (key) => recall(memberKey(key)),
    layer: (keys) => recall(layerKey(keys)),
    keepMember: (key, member, bytes) =>
      keep(async () => {
        const path = await store.put(member, bytes);
        await remember(memberKey(key), member);
        return path;
      }),
    keepLayer: (keys, layer) => keep(() => remember(layerKey(keys), layer)),
  };
}
