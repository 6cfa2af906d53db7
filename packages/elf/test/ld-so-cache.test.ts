import { bytesFromText } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { readLdSoCache, writeLdSoCache } from "../src/index.ts";
import { compareLibraries } from "../src/ld-so-cache.ts";

const entry = (name: string, path: string, flags = 0x303) => ({
  flags,
  name: bytesFromText(name),
  path: bytesFromText(path),
  hwcap: 0n,
});

describe("the cache", () => {
  test("is read as it was written, sorted as ldconfig does", () => {
    const generator = bytesFromText("ldconfig (test)");
    const entries = [
      entry("liba.so.9", "/x/liba.so.9"),
      entry("liba.so.10", "/x/liba.so.10"),
      entry("libz.so.1", "/y/libz.so.1", 3),
    ];
    const cache = readLdSoCache(writeLdSoCache({ entries, generator }));
    expect(cache?.generator).toBe(generator);
    expect(cache?.entries.map(({ name }) => name)).toEqual(["libz.so.1", "liba.so.10", "liba.so.9"]);
    expect(cache?.entries).toEqual(expect.arrayContaining(entries));
  });

  test("of a machine of the other byte order, which says so or does not", () => {
    const entries = [
      entry("liba.so.9", "/x/liba.so.9", 0x403),
      { ...entry("libz.so.1", "/y/libz.so.1"), hwcap: 1n << 62n },
    ];
    const big = writeLdSoCache({ entries, generator: bytesFromText("ldconfig (s390x)") }, "big");
    expect(big.readUInt32BE(20)).toBe(2);
    const expected = { entries: [...entries].reverse(), generator: "ldconfig (s390x)" };
    expect(readLdSoCache(big)).toEqual(expected);
    big[28] = 0;
    expect(readLdSoCache(big)).toEqual(expected);
    const little = writeLdSoCache({ entries });
    little[28] = 0;
    expect(readLdSoCache(little)?.entries).toEqual([...entries].reverse());
    const old = Buffer.alloc(16 + 12);
    old.write("ld.so-1.7.0\0", "latin1");
    [1, 0x403, 0, 10].forEach((value, index) => {
      old.writeUInt32BE(value, 12 + index * 4);
    });
    const strings = Buffer.from("libo.so.1\0/old/libo.so.1\0");
    expect(readLdSoCache(Buffer.concat([old, strings]))?.entries).toEqual([
      entry("libo.so.1", "/old/libo.so.1", 0x403),
    ]);
  });

  test("of the old format, alone and in front of the new one", () => {
    const strings = Buffer.from("libo.so.1\0/old/libo.so.1\0");
    const old = Buffer.alloc(16 + 24);
    old.write("ld.so-1.7.0\0", "latin1");
    old.writeUInt32LE(2, 12);
    for (const at of [16, 28]) {
      old.writeInt32LE(3, at);
      old.writeUInt32LE(0, at + 4);
      old.writeUInt32LE(10, at + 8);
    }
    expect(readLdSoCache(Buffer.concat([old, strings]))?.entries[0]).toEqual(entry("libo.so.1", "/old/libo.so.1", 3));
    const both = Buffer.concat([old, writeLdSoCache({ entries: [entry("libn.so.1", "/new/libn.so.1")] })]);
    expect(readLdSoCache(both)?.entries).toEqual([entry("libn.so.1", "/new/libn.so.1")]);
  });

  test("that is damaged anywhere is none, or one with fewer libraries; never an error", () => {
    const whole = writeLdSoCache({ entries: [entry("liba.so.1", "/x/liba.so.1")], generator: bytesFromText("g") });
    for (let end = 0; end < whole.length; end++) readLdSoCache(whole.subarray(0, end));
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        for (const { name, path } of readLdSoCache(damaged)?.entries ?? [])
          expect(name.length + path.length).toBeLessThan(whole.length);
      }
    }
    expect(readLdSoCache(Buffer.from("text"))).toBeUndefined();
  });
});

test.each([
  ["libx.so.2", "libx.so.10", -1],
  ["libx.so.10", "libx.so.10", 0],
  ["libx.so.a", "libx.so.1", -1],
  ["liba.so", "libb.so", -1],
  ["lib.so.1", "lib.so", 1],
])("%s and %s", (a, b, expected) => {
  expect(Math.sign(compareLibraries(a, b))).toBe(expected);
});
