import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keptContents } from "../src/index.ts";

let tempDir: string;

beforeEach(() => {
  tempDir = mkdtempSync(join(tmpdir(), "base-kit-kept-contents-"));
});
afterEach(() => {
  rmSync(tempDir, { recursive: true });
});

/** Different everywhere, so that no two places look the same. */
const data = Buffer.from(Uint32Array.from({ length: 300_000 }, (_, at) => at).buffer);

function storeOf(results: Map<string, Buffer>): Store {
  return {
    recall: async (key) => results.get(key),
    remember: async (key, result) => void results.set(key, Buffer.from(result)),
  } as Store;
}

async function bytesAt(
  content: Awaited<ReturnType<typeof keptContents>>["content"],
  offset: number,
  size: number,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of content({ offset, size })) parts.push(part);
  return Buffer.concat(parts);
}

const PLACES: readonly (readonly [offset: number, size: number])[] = [
  [0, 1],
  [65_536, 65_536],
  [65_535, 65_537],
  [262_143, 2],
  [1_000_000, 200_000],
  [data.length - 1, 1],
  [data.length - 70_000, 70_000],
  [5, 0],
];

describe("bytes of an archive's data", () => {
  test("are those at each place, in any order, from several archives by turns", async () => {
    const store = storeOf(new Map());
    const other = Buffer.from(data).reverse();
    const first = await keptContents("one", async () => ({ facts: 1, data }), { store, tempDir });
    const second = await keptContents("two", async () => ({ facts: 2, data: other }), { store, tempDir });
    for (const [offset, size] of [...PLACES, ...PLACES.toReversed()]) {
      expect((await bytesAt(first.content, offset, size)).equals(data.subarray(offset, offset + size))).toBe(true);
      expect((await bytesAt(second.content, offset, size)).equals(other.subarray(offset, offset + size))).toBe(true);
    }
  });

  test("are there again when only the facts were kept; the archive is unpacked once, and not for an empty file", async () => {
    const store = storeOf(new Map([["one", Buffer.from('"facts"')]]));
    let unpacked = 0;
    const unpack = async () => {
      unpacked += 1;
      return { facts: "facts", data };
    };
    const { facts, content } = await keptContents("one", unpack, { store, tempDir });
    expect([facts, (await bytesAt(content, 0, 0)).length, unpacked]).toEqual(["facts", 0, 0]);
    expect(await bytesAt(content, 8, 8)).toEqual(data.subarray(8, 16));
    expect(await bytesAt(content, 800_000, 8)).toEqual(data.subarray(800_000, 800_008));
    expect(unpacked).toBe(1);
  });

  test.each([
    ["a small file", 10],
    ["a large one", 100_000],
  ])("are never fewer than asked for: of %s that was cut off nothing is made up", async (_, size) => {
    const { content } = await keptContents("one", async () => ({ facts: 1, data }), {
      store: storeOf(new Map()),
      tempDir,
    });
    const [file] = readdirSync(tempDir);
    truncateSync(join(tempDir, file as string), 900_000);
    await expect(bytesAt(content, 899_995, size)).rejects.toThrow("was cut off");
  });
});
