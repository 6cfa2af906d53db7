import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { memberCache } from "../src/member-cache.ts";
import { HELD_AT_MOST, takeMember } from "../src/new-member.ts";
import { inContext, type TestContext } from "./in-context.ts";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}` as const;

async function* inChunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1024 ** 2) yield bytes.subarray(at, at + 1024 ** 2);
}

async function take(context: TestContext, tar: Buffer, compressed: Buffer) {
  const cache = memberCache("test", context);
  const member = { key: "key", chunks: inChunks(compressed), tar: () => ({ digest: digestOf(tar), size: tar.length }) };
  const { placed } = await takeMember(member, { compression: "gzip", cache, context });
  return { ...(await placed), known: await cache.member("key") };
}

const sizes: readonly (readonly [string, Buffer])[] = [
  ["a small part", Buffer.from("some text ".repeat(1000))],
  ["one that is unpacked piece by piece", randomBytes(5 * 1024 ** 2)],
  ["one that is too large for the memory", randomBytes(HELD_AT_MOST + 1)],
];

describe.each(sizes)("%s", (_what, tar) => {
  // Not compressed, which takes no time.
  const compressed = gzipSync(tar, { level: 0 });

  test("is kept, and found with what it was made from", async () => {
    using context = inContext();
    const { path, known, ...placed } = await take(context, tar, compressed);
    const proven = { digest: digestOf(compressed), size: compressed.length, tar: digestOf(tar) };
    expect(placed).toEqual({ ...proven, isStored: true });
    expect(known).toEqual(proven);
    expect(gunzipSync(readFileSync(path)).equals(tar)).toBe(true);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  const flipped = Buffer.from(compressed);
  flipped.writeUInt8((flipped[flipped.length - 20] as number) ^ 1, flipped.length - 20);
  const other = Buffer.from(tar);
  other.writeUInt8((other[other.length - 1] as number) ^ 1, other.length - 1);
  const wrong: readonly (readonly [string, Buffer])[] = [
    ["was damaged", flipped],
    ["was cut", compressed.subarray(0, -9)],
    ["is something else", gzipSync(other, { level: 0 })],
    ["has more in it", gzipSync(Buffer.concat([tar, Buffer.from("\0")]), { level: 0 })],
    ["has something behind it", Buffer.concat([compressed, Buffer.from("behind it")])],
  ];
  test.each(wrong)("that %s is refused and not kept", async (_how, bytes) => {
    using context = inContext();
    await expect(take(context, tar, bytes)).rejects.toThrow();
    expect(await memberCache("test", context).member("key")).toBeUndefined();
    expect(existsSync(context.cacheDir) ? readdirSync(context.cacheDir) : []).not.toContain("sha256");
  });
});
