import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type KeepData, keptContents } from "../src/index.ts";

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

/** An archive of these facts, whose data comes in pieces that are no longer there when the next one comes. */
function giving<T>(facts: T, bytes: Buffer) {
  const pieces = function* () {
    const room = Buffer.alloc(70_001);
    for (let at = 0; at < bytes.length; at += room.length) {
      yield room.subarray(0, bytes.copy(room, 0, at));
      room.fill(0);
    }
  };
  return async (keep: KeepData): Promise<T> => {
    await keep(pieces());
    return facts;
  };
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
    const first = await keptContents("one", giving(1, data), { store, tempDir });
    const second = await keptContents("two", giving(2, other), { store, tempDir });
    for (const [offset, size] of [...PLACES, ...PLACES.toReversed()]) {
      expect((await bytesAt(first.content, offset, size)).equals(data.subarray(offset, offset + size))).toBe(true);
      expect((await bytesAt(second.content, offset, size)).equals(other.subarray(offset, offset + size))).toBe(true);
    }
  });

  test("are there again when only the facts were kept; the archive is unpacked once, and not for an empty file", async () => {
    const store = storeOf(new Map([["one", Buffer.from('"facts"')]]));
    let unpacked = 0;
    const unpack = async (keep: KeepData) => {
      unpacked += 1;
      return giving("facts", data)(keep);
    };
    const { facts, content } = await keptContents("one", unpack, { store, tempDir });
    expect([facts, (await bytesAt(content, 0, 0)).length, unpacked]).toEqual(["facts", 0, 0]);
    expect(await bytesAt(content, 8, 8)).toEqual(data.subarray(8, 16));
    expect(await bytesAt(content, 800_000, 8)).toEqual(data.subarray(800_000, 800_008));
    expect(unpacked).toBe(1);
  });

  test("of an archive that turns out to be bad are not left behind, and nothing is remembered of it", async () => {
    const results = new Map<string, Buffer>();
    const bad = async (keep: KeepData) => {
      await giving("facts", data)(keep);
      throw new Error("its end is missing");
    };
    await expect(keptContents("one", bad, { store: storeOf(results), tempDir })).rejects.toThrow("its end is missing");
    expect([readdirSync(tempDir), results.size]).toEqual([[], 0]);
  });

  test.each([
    ["a small file", 10],
    ["a large one", 100_000],
  ])("are never fewer than asked for: of %s that was cut off nothing is made up", async (_, size) => {
    const { content } = await keptContents("one", giving(1, data), {
      store: storeOf(new Map()),
      tempDir,
    });
    const [file] = readdirSync(tempDir);
    truncateSync(join(tempDir, file as string), 900_000);
    await expect(bytesAt(content, 899_995, size)).rejects.toThrow("was cut off");
  });
});
