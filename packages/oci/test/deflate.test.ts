import { createHash } from "node:crypto";
import { gunzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deflateBlock } from "../src/compressors/deflate-block.ts";
import { codesFor, lengthsFor } from "../src/compressors/huffman.ts";
import { portableDeflate } from "../src/compressors/portable.ts";
import { gzipPieces } from "../src/gzip.ts";
import { inOrder } from "../src/in-order.ts";

/** Bytes of every kind that follow from a number alone: text, tables, noise, long runs. */
function sample(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 1 + (next() % 700));
    const kind = next() % 4;
    for (let i = 0; i < length; i++) {
      const back = 1 + (next() % 400);
      bytes[at + i] =
        kind === 0 ? next() & 0xff : kind === 1 ? 97 + (next() % 9) : kind === 2 ? 0 : (bytes[at + i - back] ?? 65);
    }
    at += length;
  }
  return bytes;
}

async function portableGzip(bytes: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of inOrder(gzipPieces(pieces(bytes), portableDeflate))) parts.push(part.bytes);
  return Buffer.concat(parts);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += 70_001) yield bytes.subarray(at, at + 70_001);
}

const NOTHING = new Uint8Array(0);

describe("the portable deflate", () => {
  test("is read back by zlib", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.array(fc.constantFrom(...Buffer.from("abc\0")), { maxLength: 3000 }).map((list) => Uint8Array.from(list)),
      fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.nat()).map(([size, seed]) => sample(size, seed)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        expect(inflateRawSync(deflateBlock(input, undefined, true)).equals(input)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("continues one block with the next, each knowing what came before it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (sizes, seed) => {
          const input = sample(
            sizes.reduce((sum, size) => sum + size, 0),
            seed,
          );
          let at = 0;
          const blocks = sizes.map((size, number) => {
            const dictionary = at === 0 ? undefined : input.subarray(Math.max(0, at - 32768), at);
            const block = deflateBlock(input.subarray(at, at + size), dictionary, number === sizes.length - 1);
            at += size;
            return block;
          });
          expect(inflateRawSync(Buffer.concat(blocks)).equals(input)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  const edges: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", NOTHING],
    ["one byte", Uint8Array.of(7)],
    ["all the same", new Uint8Array(200_000)],
    ["noise beyond one stored block", Buffer.from(Array.from({ length: 5000 }, (_, at) => hash(at)).join(""), "hex")],
    ["every byte once", Uint8Array.from({ length: 256 }, (_, at) => at)],
    ["the farthest match", Buffer.concat([Buffer.from("marked"), noise(32762), Buffer.from("marked")])],
    ["counts like Fibonacci numbers, whose tree is too deep", fibonacci(24)],
  ];
  test.each(edges)("takes %s", (_what, input) => {
    for (const last of [true, false]) {
      const blocks = [deflateBlock(input, undefined, last), ...(last ? [] : [deflateBlock(NOTHING, undefined, true)])];
      expect(inflateRawSync(Buffer.concat(blocks)).equals(input)).toBe(true);
    }
  });

  test("gives the bytes that it gave when this was written, whatever Node this is", async () => {
    const packed = await portableGzip(sample(2_500_000));
    expect(gunzipSync(packed).equals(sample(2_500_000))).toBe(true);
    // Another digest means another compressor: raise the number in its id.
    expect(createHash("sha256").update(packed).digest("hex")).toBe(
      "d28e11b22702a76c12a0ed4567b636f44f0ff091106a55704647dc9f81cc5b98",
    );
  });
});

describe("a Huffman code", () => {
  test("fits, is complete and gives the frequent the short", () => {
    const counts = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1e6 })), {
      minLength: 2,
      maxLength: 286,
    });
    fc.assert(
      fc.property(counts, fc.constantFrom(9, 15), (list, longest) => {
        const lengths = lengthsFor(Uint32Array.from(list), longest);
        const used = list.flatMap((count, symbol) => (count === 0 ? [] : [symbol]));
        expect(used.every((symbol) => (lengths[symbol] as number) >= 1 && (lengths[symbol] as number) <= longest)).toBe(
          true,
        );
        const room = used.reduce((sum, symbol) => sum + 2 ** -(lengths[symbol] as number), 0);
        expect(room).toBe(used.length === 0 ? 0 : used.length === 1 ? 0.5 : 1);
        const codes = codesFor(lengths);
        expect(new Set(used.map((symbol) => `${codes[symbol]} ${lengths[symbol]}`)).size).toBe(used.length);
      }),
      { numRuns: 100 },
    );
  });
});

function hash(value: number): string {
  return createHash("sha256").update(String(value)).digest("hex");
}

function noise(size: number): Buffer {
  const digests = Array.from({ length: Math.ceil(size / 32) }, (_, at) => hash(at)).join("");
  return Buffer.from(digests, "hex").subarray(0, size);
}

function fibonacci(symbols: number): Uint8Array {
  const bytes: number[] = [];
  let [a, b] = [1, 1];
  for (let symbol = 0; symbol < symbols; symbol++) {
    // Far apart from each other, so that they stay literals.
    for (let count = 0; count < a; count++) bytes.push(symbol);
    [a, b] = [b, a + b];
  }
  return Uint8Array.from(bytes.sort((x, y) => Math.sin(x * bytes.length) - Math.sin(y * bytes.length)));
}
