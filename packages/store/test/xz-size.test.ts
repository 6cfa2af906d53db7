import { expect, test } from "vitest";
import { decompressBuffer } from "../src/index.ts";
import { xzContentSize } from "../src/xz-size.ts";

/** `printf hello | xz --check=crc32`, the same of nothing, and 100 000 zeros with `xz --block-size=30000 -T2`. */
const HELLO = Buffer.from(
  "fd377a585a0000016922de360200210116000000742fe5a301000468656c6c6f0000000086a6103600011905bce8eccb9042990d010000000001595a",
  "hex",
);
const NOTHING = Buffer.from("fd377a585a0000016922de36000000001cdf44219042990d010000000001595a", "hex");
const BLOCK =
  "03c048b0ea012101160000005b7a6e58e0752f00405d00006ffdffffa3b7ff473e481572396151b89228e6a38607f9eee41e82d32fc53a3c014bb17ec98a8a4d2fa30dd97fa6e38c231153e05918c5758ae267f61de90000b7052583a8afb0f9";
const ZEROS = Buffer.from(
  `fd377a585a000004e6d6b446${BLOCK.repeat(3)}03c033904e210116000000009a109295e0270f002b5d00006ffdffffa3b7ff473e481572396151b89228e6a38607f9eee41e82d32fc53a3c014bb17ec986bcf42a000000f38b21c0c6993b64000460b0ea0160b0ea0160b0ea014b904e000000fe48a80009f462e6050000000004595a`,
  "hex",
);

test("the index tells the size of one stream, in however many blocks", () => {
  expect([HELLO, NOTHING, ZEROS].map(xzContentSize)).toEqual([5, 0, 100_000]);
});

test("of anything else there is no size", () => {
  const others = [Buffer.concat([HELLO, HELLO]), Buffer.concat([HELLO, Buffer.alloc(4)]), HELLO.subarray(0, -1)];
  const damaged = [12, 40, 48, 52, 56].map((at) => Buffer.from(HELLO).fill(0xff, at, at + 4));
  for (const each of [...others, ...damaged, Buffer.alloc(0), Buffer.alloc(64, 0xff)]) {
    expect([undefined, 5]).toContain(xzContentSize(each));
  }
  expect(others.map(xzContentSize)).toEqual([undefined, undefined, undefined]);
});

test("content comes whole, whether its size is known or not", async () => {
  expect(await decompressBuffer(HELLO)).toEqual(Buffer.from("hello"));
  expect(await decompressBuffer(NOTHING)).toEqual(Buffer.alloc(0));
  expect(await decompressBuffer(ZEROS)).toEqual(Buffer.alloc(100_000));
  expect(await decompressBuffer(Buffer.concat([ZEROS, HELLO]))).toEqual(
    Buffer.concat([Buffer.alloc(100_000), Buffer.from("hello")]),
  );
});

test("a size that is beyond the limit makes no room", async () => {
  await expect(decompressBuffer(ZEROS, { limit: 99_999 })).rejects.toMatchObject({ code: "DECOMPRESS_TOO_LARGE" });
});
