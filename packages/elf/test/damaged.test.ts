import { isBaseKitError } from "@base-kit/core";
import type { ElfBytesOptions } from "@base-kit/testing";
import { elfBytes } from "@base-kit/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ElfSource } from "../src/index.ts";
import { architectureOf, describeMachine, linkageOf, readElf } from "../src/index.ts";

const DYNAMIC: ElfBytesOptions = {
  type: 3,
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  needed: ["libc.so.6", "libm.so.6"],
  runpath: "$ORIGIN",
  soname: "me",
};

/** Offsets in a 64-bit little-endian file of `elfBytes` with an interpreter: header, then PT_INTERP, PT_LOAD, PT_DYNAMIC. */
const INTERP = 64;
const LOAD = INTERP + 56;
const DYNAMIC_HEADER = LOAD + 56;

function damaged(change: (bytes: Buffer) => void, options: ElfBytesOptions = DYNAMIC): Buffer {
  const bytes = elfBytes(options);
  change(bytes);
  return bytes;
}

/** Where the value of a tag stands in the dynamic section. */
function valueOffset(bytes: Buffer, tag: bigint): number {
  let at = Number(bytes.readBigUInt64LE(DYNAMIC_HEADER + 8));
  while (bytes.readBigUInt64LE(at) !== tag) at += 16;
  return at + 8;
}

describe("is refused by name", () => {
  test.each([
    ["an empty file", Buffer.alloc(0), "ELF_NOT_ELF", /^"?my prog"? is not an ELF file/],
    ["a script", Buffer.from("#!/bin/sh\n"), "ELF_NOT_ELF", /does not begin with/],
    ["three bytes of the magic number", Buffer.from("\x7fEL"), "ELF_NOT_ELF", /does not begin with/],
    [
      "a header cut after the magic number",
      elfBytes().subarray(0, 4),
      "ELF_TRUNCATED",
      /identification should be 16 bytes at offset 0, the file has 4/,
    ],
    ["a header cut in the middle", elfBytes().subarray(0, 40), "ELF_TRUNCATED", /ELF header should be 64 bytes/],
    [
      "cut program headers",
      elfBytes().subarray(0, 100),
      "ELF_TRUNCATED",
      /program headers should be 56 bytes at offset 64, the file has 100/,
    ],
    ["an unknown class", damaged((bytes) => bytes.writeUInt8(3, 4)), "ELF_MALFORMED", /class is 3/],
    ["an unknown byte order", damaged((bytes) => bytes.writeUInt8(0, 5)), "ELF_MALFORMED", /byte order is 0/],
    ["an unknown version", damaged((bytes) => bytes.writeUInt32LE(7, 20)), "ELF_MALFORMED", /version is 7/],
    [
      "program headers of a wrong size",
      damaged((bytes) => bytes.writeUInt16LE(32, 54)),
      "ELF_MALFORMED",
      /32 bytes each, expected 56/,
    ],
    [
      "too many program headers",
      damaged((bytes) => bytes.writeUInt16LE(0xffff, 56)),
      "ELF_MALFORMED",
      /65535 program headers, Linux takes 1170/,
    ],
    [
      "program headers beyond the end",
      damaged((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 32)),
      "ELF_TRUNCATED",
      /program headers should be 168 bytes at offset 9223372036854775808/,
    ],
    [
      "an interpreter beyond the end",
      damaged((bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, INTERP + 8)),
      "ELF_TRUNCATED",
      /interpreter should be 28 bytes at offset 18446744073709551615/,
    ],
    [
      "an interpreter that ends beyond the end",
      damaged((bytes) => bytes.writeBigUInt64LE(4000n, INTERP + 32)),
      "ELF_TRUNCATED",
      /interpreter should be 4000 bytes/,
    ],
    [
      "an interpreter of absurd size",
      damaged((bytes) => bytes.writeBigUInt64LE(2n ** 40n, INTERP + 32)),
      "ELF_MALFORMED",
      /1099511627776 bytes, expected 2 to 4096/,
    ],
    [
      "an interpreter without an end",
      damaged((bytes) => bytes.writeBigUInt64LE(5n, INTERP + 32)),
      "ELF_MALFORMED",
      /interpreter has no end/,
    ],
    [
      "a dynamic section in no segment",
      damaged((bytes) => bytes.writeBigUInt64LE(1n, DYNAMIC_HEADER + 16)),
      "ELF_MALFORMED",
      /dynamic section at address 0x1 is in no loaded segment/,
    ],
    [
      "a dynamic section of absurd size",
      damaged((bytes) => bytes.writeBigUInt64LE(16_385n * 16n, DYNAMIC_HEADER + 32), {
        ...DYNAMIC,
        code: Buffer.alloc(300_000),
      }),
      "ELF_MALFORMED",
      /has 16385 entries, expected at most 16384/,
    ],
    [
      "a segment beyond the end",
      damaged((bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, LOAD + 8)),
      "ELF_TRUNCATED",
      /a loaded segment should be \d+ bytes at offset 18446744073709551615/,
    ],
    [
      "a static program cut in its code",
      elfBytes().subarray(0, -1),
      "ELF_TRUNCATED",
      /a loaded segment should be 137 bytes/,
    ],
    [
      "a string table in no segment",
      damaged((bytes) => bytes.writeBigUInt64LE(9n, valueOffset(bytes, 5n))),
      "ELF_MALFORMED",
      /string table at address 0x9/,
    ],
    [
      "no string table",
      damaged((bytes) => bytes.writeBigUInt64LE(0x7000_0000n, valueOffset(bytes, 5n) - 8)),
      "ELF_MALFORMED",
      /names no string table/,
    ],
    [
      "a library name outside the string table",
      damaged((bytes) => bytes.writeBigUInt64LE(5000n, valueOffset(bytes, 1n))),
      "ELF_MALFORMED",
      /needed library is at 5000 in a string table of \d+ bytes/,
    ],
    [
      "a library name that does not end",
      damaged((bytes) => bytes.writeBigUInt64LE(3n, valueOffset(bytes, 10n))),
      "ELF_MALFORMED",
      /has no end within 2 bytes/,
    ],
    [
      "more libraries than any program needs",
      elfBytes({ needed: Array.from({ length: 5000 }, () => "a") }),
      "ELF_MALFORMED",
      /needs 5000 libraries/,
    ],
  ])("%s", (_, bytes, code, message) => {
    const read = () => readElf(bytes, "my prog");
    expect(read).toThrow(
      expect.objectContaining({ code, kind: "unsupported", message: expect.stringMatching(message) }),
    );
    expect(read).toThrow(/"my prog"/);
  });

  test("a file that becomes shorter while it is read", () => {
    const bytes = elfBytes(DYNAMIC);
    const source: ElfSource = {
      size: bytes.length,
      read: (offset, length) => bytes.subarray(0, 200).subarray(offset, offset + length),
    };
    expect(() => readElf(source, "demo")).toThrow(expect.objectContaining({ code: "ELF_TRUNCATED" }));
  });
});

describe("is read as the loaders read it", () => {
  test("of two overlapping segments the later one is seen", () => {
    const bytes = elfBytes({ ...DYNAMIC, needed: ["old"] });
    const copyAt = bytes.length;
    const whole = Buffer.concat([bytes, bytes]);
    // The interpreter's header becomes a second PT_LOAD over the same addresses, behind the first one in the table.
    const first = Buffer.from(whole.subarray(LOAD, LOAD + 56));
    first.copy(whole, INTERP);
    whole.writeBigUInt64LE(BigInt(copyAt), LOAD + 8);
    whole.write("new", copyAt + whole.subarray(0, copyAt).indexOf("old\0"));
    expect(readElf(whole, "demo").dynamic?.needed).toEqual(["new"]);
  });

  test("the dynamic section is found by its address, whatever offset is claimed", () => {
    const bytes = damaged((all) => all.writeBigUInt64LE(3n, DYNAMIC_HEADER + 8));
    expect(readElf(bytes, "demo").dynamic?.needed).toEqual(["libc.so.6", "libm.so.6"]);
  });

  test("segments at the top of the address space are segments", () => {
    const shift = 0xffff_ffff_8000_0000n;
    const bytes = damaged((all) => {
      const move = (at: number) => all.writeBigUInt64LE(all.readBigUInt64LE(at) + shift, at);
      move(LOAD + 16);
      move(DYNAMIC_HEADER + 16);
      move(valueOffset(all, 5n));
    });
    expect(readElf(bytes, "demo").dynamic?.needed).toEqual(["libc.so.6", "libm.so.6"]);
  });
});

/** Fails the test for any read outside the file, and for a reader that does not come to an end. */
function watched(bytes: Uint8Array): ElfSource {
  let reads = 0;
  return {
    size: bytes.length,
    read: (offset, length) => {
      if (++reads > 20_000) throw new Error("reads without end");
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
        throw new Error(`read of ${length} at ${offset}`);
      }
      if (offset + length > bytes.length) throw new Error(`read of ${length} at ${offset} of ${bytes.length}`);
      return bytes.subarray(offset, offset + length);
    },
  };
}

function readsOrRefuses(bytes: Uint8Array): void {
  try {
    const elf = readElf(watched(bytes), "fuzzed");
    linkageOf(elf);
    architectureOf(elf);
    describeMachine(elf);
  } catch (error) {
    if (!isBaseKitError(error)) throw error;
    expect(error.kind).toBe("unsupported");
  }
}

describe("whatever the bytes, it answers or refuses", () => {
  const seeds = fc.constantFrom(
    elfBytes(DYNAMIC),
    elfBytes({ ...DYNAMIC, class: 32 }),
    elfBytes({ ...DYNAMIC, byteOrder: "big" }),
    elfBytes({ ...DYNAMIC, class: 32, byteOrder: "big" }),
    elfBytes(),
  );
  const numbers = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 0n, max: 0x400200n }),
    fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
  );
  const edits = fc.array(fc.tuple(fc.nat({ max: 600 }), fc.constantFrom(1, 2, 4, 8), numbers), { maxLength: 6 });

  test("fields overwritten and the end cut", () => {
    fc.assert(
      fc.property(seeds, edits, fc.option(fc.nat({ max: 600 })), (seed, changes, cut) => {
        const bytes = Buffer.from(seed);
        for (const [at, width, value] of changes) {
          const field = Buffer.alloc(8);
          field.writeBigUInt64LE(value);
          field.copy(bytes, at, 0, width);
        }
        readsOrRefuses(cut === null ? bytes : bytes.subarray(0, cut));
      }),
      { numRuns: 4000 },
    );
  });

  test("noise behind a magic number", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2),
        fc.constantFrom(1, 2),
        fc.uint8Array({ maxLength: 2000 }),
        (bits, order, noise) =>
          readsOrRefuses(Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, bits, order, 1]), noise])),
      ),
      { numRuns: 1000 },
    );
  });

  test("every shorter version of a program", () => {
    const bytes = elfBytes(DYNAMIC);
    for (let length = 0; length < bytes.length; length++) readsOrRefuses(bytes.subarray(0, length));
  });
});
