import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { requires } from "@base-kit/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decompress, detectCompression } from "../src/index.ts";

const { skip } = requires("xz", "zstd");
const MiB = 1024 * 1024;

async function* inChunks(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, { chunk = 65536, limit = Number.POSITIVE_INFINITY } = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const each of decompress(inChunks(bytes, chunk), { limit })) chunks.push(each);
  return Buffer.concat(chunks);
}

/** The real program. */
function tool(name: string, args: readonly string[], input: Uint8Array): Buffer {
  return execFileSync(name, args, { input, maxBuffer: 2 ** 30, stdio: ["pipe", "pipe", "ignore"] });
}

const PACKERS = [
  ["gzip", (input: Uint8Array) => tool("gzip", ["-c"], input)],
  ["xz", (input: Uint8Array) => tool("xz", ["-c", "-1"], input)],
  ["zstd", (input: Uint8Array) => tool("zstd", ["-c", "-q"], input)],
] as const;

const text = Buffer.from("all happy families are alike; ".repeat(4000));
const mixed = Buffer.concat([text, randomBytes(100_000), Buffer.alloc(300_000), text]);

describe.skipIf(skip).each(PACKERS)("%s", (name, pack) => {
  test.each([1, 7, 4096, 65536, 10 * MiB])("is read in chunks of %d bytes", async (chunk) => {
    const content = chunk < 10 ? text.subarray(0, 5000) : mixed;
    expect((await unpack(pack(content), { chunk })).equals(content)).toBe(true);
  });

  test("of nothing is nothing", async () => {
    expect(await unpack(pack(Buffer.alloc(0)))).toHaveLength(0);
  });

  test("is read to the end when several are concatenated", async () => {
    const parts = [text, Buffer.alloc(0), mixed, Buffer.from("end")];
    const packed = Buffer.concat(parts.map(pack));
    const expected = Buffer.concat(parts);
    for (const chunk of [100, 65536, packed.length]) {
      expect((await unpack(packed, { chunk })).equals(expected)).toBe(true);
    }
  });

  test("agrees with the real program on any content, concatenation and chunking", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4000 }),
        async (parts, chunk) => {
          const packed = Buffer.concat(parts.map(pack));
          expect((await unpack(packed, { chunk })).equals(Buffer.concat(parts))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("that is cut anywhere is an error", async () => {
    const packed = pack(mixed.subarray(0, text.length + 1000));
    const cuts = [...Array(40).keys()].map((i) => 1 + Math.floor(((packed.length - 2) * i) / 39));
    // The shortest beginnings are not recognised and given as they are.
    const recognised = cuts.filter((cut) => detectCompression(packed.subarray(0, Math.min(cut, 6))) !== "none");
    expect(recognised.length).toBeGreaterThan(30);
    for (const cut of recognised) {
      await expect(unpack(packed.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({
        code: "DECOMPRESS_DAMAGED",
      });
    }
  });

  test.each(["garbage", "\0\0\0\0garbage!"])("followed by %j is refused", async (garbage) => {
    for (const chunk of [65536, 1]) {
      const packed = Buffer.concat([pack(Buffer.from("content")), Buffer.from(garbage)]);
      await expect(unpack(packed, { chunk })).rejects.toMatchObject({
        code: "DECOMPRESS_DAMAGED",
        kind: "verification",
      });
    }
  });

  test("with a flipped bit is an error wherever the real program sees one, or a bit that holds nothing", async () => {
    const content = Buffer.concat([text.subarray(0, 3000), randomBytes(500)]);
    const packed = pack(content);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 6, max: packed.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          const damaged = Buffer.from(packed);
          damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
          const ours = await unpack(damaged).catch((error) => error);
          let theirs: Buffer | undefined;
          try {
            theirs = tool(name, ["-dc"], damaged);
          } catch {
            theirs = undefined;
          }
          // Some bits hold nothing, such as the first byte of xz's range coder: xz wants it to be 0, our decoder does not look.
          const harmless = Buffer.isBuffer(ours) && ours.equals(content);
          if (theirs === undefined && !harmless) expect(ours).toMatchObject({ name: "BaseKitError" });
          if (theirs !== undefined) expect(ours).toSatisfy((value) => !Buffer.isBuffer(value) || value.equals(theirs));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("that unpacks to a gigabyte of zeros is stopped at the limit, in little memory", async () => {
    const part = pack(Buffer.alloc(16 * MiB));
    const bomb = Buffer.concat(Array<Buffer>(64).fill(part));
    const before = process.memoryUsage.rss();
    let size = 0;
    const reading = async () => {
      for await (const chunk of decompress(inChunks(bomb), { limit: 64 * MiB })) size += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: "DECOMPRESS_TOO_LARGE", kind: "unsupported" });
    expect(size).toBeLessThanOrEqual(64 * MiB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MiB);
  });

  test("passes on an error of its source as it is, and closes the source when the reader stops", async () => {
    const packed = pack(mixed);
    const failure = new Error("the network is gone");
    async function* failing() {
      yield packed.subarray(0, 1000);
      throw failure;
    }
    const reading = (async () => {
      for await (const _ of decompress(failing())) {
        // Only the error ends it.
      }
    })();
    expect(await reading.catch((error) => error)).toBe(failure);
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield packed;
      } finally {
        closed = true;
      }
    }
    for await (const _ of decompress(endless())) break;
    expect(closed).toBe(true);
  });

  test("can be read while another one is", async () => {
    const packed = pack(mixed);
    const first = decompress(inChunks(packed));
    await first.next();
    expect((await unpack(packed)).equals(mixed)).toBe(true);
    await first.return();
  });
});

describe.skipIf(skip)("xz", () => {
  test.each([["--check=none"], ["--check=crc32"], ["--check=crc64"], ["--block-size=100KiB"], ["-T2"], ["-9"]])(
    "made with %s",
    async (option) => {
      expect((await unpack(tool("xz", ["-c", option], mixed))).equals(mixed)).toBe(true);
    },
  );

  test("streams may have padding between and behind them, in units of four bytes", async () => {
    const pack = (content: string) => tool("xz", ["-c"], Buffer.from(content));
    const packed = Buffer.concat([pack("one"), Buffer.alloc(8), pack("two"), Buffer.alloc(4)]);
    expect((await unpack(packed)).toString()).toBe("onetwo");
    await expect(unpack(Buffer.concat([pack("one"), Buffer.alloc(5)]))).rejects.toMatchObject({
      code: "DECOMPRESS_DAMAGED",
    });
  });

  test.each([
    [["--lzma2=dict=129MiB"], "dictionary"],
    [["--lzma2=dict=1536MiB"], "dictionary"],
    [["--x86", "--lzma2"], "x86 BCJ"],
    [["--delta=dist=4", "--lzma2"], "delta"],
    [["--check=sha256"], "integrity check"],
  ])("made with %j is refused with the reason", async (options, reason) => {
    // Of an unfinished stream: xz itself would take the memory for the dictionary.
    const packed = options[0]?.includes("dict") ? withDictionary(options[0]) : tool("xz", ["-c", ...options], text);
    await expect(unpack(packed)).rejects.toMatchObject({
      code: "DECOMPRESS_UNSUPPORTED",
      kind: "unsupported",
      message: expect.stringContaining(reason),
    });
  });

  test("in a later stream is checked too, before the decoder sees it", async () => {
    const packed = Buffer.concat([tool("xz", ["-c"], text), withDictionary("--lzma2=dict=1536MiB")]);
    const before = process.memoryUsage.rss();
    await expect(unpack(packed)).rejects.toMatchObject({ code: "DECOMPRESS_UNSUPPORTED" });
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * MiB);
  });

  /** A small stream with another dictionary size in its block header: 12 + [size, flags, id, properties size, properties]. */
  function withDictionary(option: string): Buffer {
    const packed = Buffer.from(tool("xz", ["-c", "--check=crc32"], text));
    // 1536 MiB = 3 * 2^29, 129 MiB is coded as 192 MiB = 3 * 2^26.
    packed[16] = option.includes("1536") ? 37 : 31;
    packed.writeUInt32LE(crc32(packed.subarray(12, 20)), 20);
    return packed;
  }
});

describe.skipIf(skip)("zstd", () => {
  test.each([["-19"], ["--no-check"], ["-T2"], ["--long=27"], ["--fast=5"]])("made with %s", async (option) => {
    expect((await unpack(tool("zstd", ["-c", "-q", option], mixed))).equals(mixed)).toBe(true);
  });

  test("may have skippable frames anywhere", async () => {
    const skip = (content: string) => {
      const header = Buffer.alloc(8);
      header.writeUInt32LE(0x184d2a53, 0);
      header.writeUInt32LE(content.length, 4);
      return Buffer.concat([header, Buffer.from(content)]);
    };
    const pack = (content: string) => tool("zstd", ["-c", "-q"], Buffer.from(content));
    const packed = Buffer.concat([skip("one"), pack("content"), skip(""), pack(" and more"), skip("x".repeat(3000))]);
    for (const chunk of [1, 65536]) expect((await unpack(packed, { chunk })).toString()).toBe("content and more");
    expect(await unpack(skip("only"))).toHaveLength(0);
  });
});

/** CRC-32 as in zlib, bit by bit: independent of what the package uses. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
