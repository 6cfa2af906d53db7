import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decompress, detectCompression } from "../src/index.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, { chunk = 65536, limit = Number.POSITIVE_INFINITY } = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const each of decompress(inChunks(bytes, chunk), { limit })) chunks.push(each);
  return Buffer.concat(chunks);
}

/** "Hello!" as the programs write it, each with its strongest check. */
const HELLO = {
  gzip: gzipSync("Hello!\n"),
  xz: Buffer.from(
    "fd377a585a000004e6d6b4460200210116000000742fe5a301000648656c6c6f210a0000ffa5b55010d1b6ea00011f07162eb8731fb6f37d010000000004595a",
    "hex",
  ),
  zstd: Buffer.from("28b52ffd045839000048656c6c6f210af1721090", "hex"),
} as const;

describe.each(Object.entries(HELLO))("%s", (name, hello) => {
  test("is told by its first bytes and read, alone and concatenated, in chunks of any size", async () => {
    expect(detectCompression(hello)).toBe(name);
    for (const chunk of [1, 2, 3, 10, 1000]) {
      expect((await unpack(hello, { chunk })).toString()).toBe("Hello!\n");
      expect((await unpack(Buffer.concat([hello, hello, hello]), { chunk })).toString()).toBe("Hello!\n".repeat(3));
    }
  });

  test("cut anywhere is an error", async () => {
    for (let size = 6; size < hello.length; size++) {
      for (const whole of [Buffer.alloc(0), hello]) {
        const cut = unpack(Buffer.concat([whole, hello.subarray(0, size)]), { chunk: 7 });
        await expect(cut, `after ${size} bytes`).rejects.toMatchObject({
          code: "DECOMPRESS_DAMAGED",
          kind: "verification",
        });
      }
    }
  });

  test("with any bit flipped behind its magic number never gives other bytes without an error", async () => {
    for (let bit = 6 * 8; bit < hello.length * 8; bit++) {
      const damaged = Buffer.from(hello);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const result = await unpack(damaged).catch((error) => error.name);
      expect(["BaseKitError", "Hello!\n"], `bit ${bit}`).toContain(String(result));
    }
  });

  test("followed by anything else is refused", async () => {
    for (const garbage of ["x", "garbage", "\0\0\0\0garbage!"]) {
      for (const chunk of [1, 1000]) {
        const unpacking = unpack(Buffer.concat([hello, Buffer.from(garbage)]), { chunk });
        await expect(unpacking).rejects.toMatchObject({ code: "DECOMPRESS_DAMAGED" });
      }
    }
  });

  test("is stopped at the limit", async () => {
    expect(await unpack(hello, { limit: 7 })).toHaveLength(7);
    await expect(unpack(hello, { limit: 6 })).rejects.toMatchObject({
      code: "DECOMPRESS_TOO_LARGE",
      kind: "unsupported",
    });
  });
});

test("whatever the bytes are, the end is content or one of our errors", async () => {
  const magics = Object.values(HELLO).map((hello) => hello.subarray(0, 6));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 200 }), async (magic, rest) => {
      const result = await unpack(Buffer.concat([magic, rest])).catch((error) => error.name);
      expect(Buffer.isBuffer(result) || result === "BaseKitError").toBe(true);
    }),
  );
});

describe("gzip", () => {
  test.each([1, 3, 512, 10_000])("may be padded with %d zeros, as on tape", async (zeros) => {
    const packed = Buffer.concat([gzipSync("content"), Buffer.alloc(zeros)]);
    for (const chunk of [1, 10, 65536]) expect((await unpack(packed, { chunk })).toString()).toBe("content");
  });

  test("behind zeros is refused: node:zlib would leave it out without a word", async () => {
    const packed = Buffer.concat([gzipSync("one"), Buffer.alloc(4), gzipSync("two")]);
    for (const chunk of [1, 65536])
      await expect(unpack(packed, { chunk })).rejects.toMatchObject({ code: "DECOMPRESS_DAMAGED" });
  });

  test("with all header fields", async () => {
    const plain = gzipSync("content");
    // FEXTRA, FNAME, FCOMMENT: RFC 1952 §2.3.
    const header = Buffer.concat([plain.subarray(0, 3), Buffer.from([0x1c]), plain.subarray(4, 10)]);
    const fields = Buffer.from("\x04\x00abcdname\0comment\0", "latin1");
    expect((await unpack(Buffer.concat([header, fields, plain.subarray(10)]))).toString()).toBe("content");
  });
});

describe("zstd", () => {
  test("with a window beyond 128 MiB is refused before memory is taken", async () => {
    const packed = Buffer.from("28b52ffd0090", "hex");
    await expect(unpack(packed)).rejects.toMatchObject({
      code: "DECOMPRESS_UNSUPPORTED",
      message: expect.stringContaining("window takes 268435456 bytes"),
    });
    // A single segment of 1 TiB.
    await expect(unpack(Buffer.from("28b52ffde00000000000010000", "hex"))).rejects.toMatchObject({
      code: "DECOMPRESS_UNSUPPORTED",
    });
  });

  test("that needs a dictionary is refused", async () => {
    await expect(unpack(Buffer.from("28b52ffd2107050100", "hex"))).rejects.toMatchObject({
      code: "DECOMPRESS_UNSUPPORTED",
      message: expect.stringContaining("dictionary"),
    });
  });
});

describe("what is not compressed", () => {
  test("comes out as it is, up to the limit", async () => {
    const content = randomBytes(100_000);
    content[0] = 0x00;
    expect((await unpack(content)).equals(content)).toBe(true);
    expect(await unpack(Buffer.alloc(0))).toHaveLength(0);
    expect((await unpack(Buffer.from("BZ"))).toString()).toBe("BZ");
    await expect(unpack(content, { limit: 99_999 })).rejects.toMatchObject({ code: "DECOMPRESS_TOO_LARGE" });
    expect(await unpack(content, { limit: 100_000 })).toHaveLength(100_000);
  });

  test("bzip2 is told apart and refused", async () => {
    await expect(unpack(Buffer.from("BZh91AY&SY"))).rejects.toMatchObject({ code: "DECOMPRESS_UNSUPPORTED" });
  });
});

test("errors name what was read", async () => {
  const reading = async () => {
    for await (const _ of decompress(inChunks(gzipSync(randomBytes(500)).subarray(0, 100), 30), {
      name: "base.tar.gz",
    })) {
      // Only the error ends it.
    }
  };
  await expect(reading()).rejects.toThrow(/^base\.tar\.gz is damaged near byte 100: /);
});
