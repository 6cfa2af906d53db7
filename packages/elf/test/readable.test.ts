import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { elfBytes } from "@base-kit/testing";
import { afterAll, describe, expect, test } from "vitest";
import { architectureOf, describeMachine, linkageOf, readElf, readElfFile } from "../src/index.ts";

const read = (bytes: Uint8Array) => readElf(bytes, "demo");

describe.each([
  [32, "little"],
  [32, "big"],
  [64, "little"],
  [64, "big"],
] as const)("%i-bit %s endian", (bits, byteOrder) => {
  test("a program's interpreter, libraries and search paths", () => {
    const bytes = elfBytes({
      class: bits,
      byteOrder,
      type: 3,
      machine: 183,
      interpreter: "/lib/ld.so.1",
      needed: ["liba.so.1", "$ORIGIN/libb.so", "liba.so.1"],
      rpath: "/opt/lib:",
      runpath: "$ORIGIN/../lib",
      pie: true,
    });
    expect(read(bytes)).toEqual({
      class: bits,
      byteOrder,
      type: "shared",
      machine: 183,
      osAbi: 0,
      entry: expect.any(BigInt),
      interpreter: "/lib/ld.so.1",
      dynamic: {
        needed: ["liba.so.1", "$ORIGIN/libb.so", "liba.so.1"],
        rpath: "/opt/lib:",
        runpath: "$ORIGIN/../lib",
        pie: true,
      },
    });
  });

  test("a static program has neither interpreter nor dynamic section", () => {
    const elf = read(elfBytes({ class: bits, byteOrder }));
    expect(elf).not.toHaveProperty("interpreter");
    expect(elf).not.toHaveProperty("dynamic");
    expect(linkageOf(elf)).toBe("static");
  });
});

test("names are bytes, not text", () => {
  const { dynamic } = read(elfBytes({ needed: ["lib\xff\xfe.so"] }));
  expect(dynamic?.needed).toEqual(["lib\xff\xfe.so"]);
});

test("a name longer than the first read is whole", () => {
  const runpath = Array.from({ length: 900 }, (_, index) => `/nix/store/package-${index}/lib`).join(":");
  expect(read(elfBytes({ runpath })).dynamic?.runpath).toBe(runpath);
});

describe("linkage", () => {
  test.each([
    ["a static executable", {}, "static"],
    ["a static program for any address", { type: 3, pie: true }, "static"],
    ["one with an interpreter and libraries", { interpreter: "/lib/ld.so", needed: ["libc.so"] }, "dynamic"],
    ["one with an interpreter alone", { interpreter: "/lib/ld.so" }, "dynamic"],
    ["one with libraries and no interpreter", { needed: ["libc.so"] }, "dynamic"],
    ["a library", { type: 3, soname: "liba.so.1" }, "library"],
    ["a library without a name that needs others", { type: 3, needed: ["libc.so.6"] }, "library"],
    ["a library without a name and a beginning", { type: 3, entry: 0n }, "library"],
    ["a library that can be started", { type: 3, soname: "libc.so.6", interpreter: "/lib/ld.so" }, "dynamic"],
    ["an object file", { type: 1 }, "object"],
    ["a core dump", { type: 4 }, "object"],
    ["an unknown type", { type: 0xfe00 }, "object"],
  ] as const)("%s", (_, options, expected) => {
    expect(linkageOf(read(elfBytes(options)))).toBe(expected);
  });
});

describe("architecture", () => {
  test.each([
    [62, 64, "little", "amd64"],
    [3, 32, "little", "386"],
    [183, 64, "little", "arm64"],
    [40, 32, "little", "arm"],
    [21, 64, "little", "ppc64le"],
    [22, 64, "big", "s390x"],
    [243, 64, "little", "riscv64"],
    [258, 64, "little", "loong64"],
    [8, 64, "little", "mips64le"],
    [62, 32, "little", undefined], // x32
    [183, 64, "big", undefined],
    [8, 32, "big", undefined],
    [43, 64, "big", undefined],
  ] as const)("machine %i, %i-bit, %s endian is %s", (machine, bits, byteOrder, expected) => {
    expect(architectureOf(read(elfBytes({ machine, class: bits, byteOrder })))).toBe(expected);
  });

  test("is described in words", () => {
    expect(describeMachine(read(elfBytes({ machine: 43, byteOrder: "big" })))).toBe("SPARC V9, 64-bit, big endian");
    expect(describeMachine(read(elfBytes({ machine: 999 })))).toBe("machine 999, 64-bit, little endian");
  });
});

describe("a file", () => {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-elf-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("is read and named", () => {
    const path = join(dir, "demo");
    writeFileSync(path, elfBytes({ needed: ["libc.so.6"] }));
    expect(readElfFile(path).dynamic?.needed).toEqual(["libc.so.6"]);
  });

  test("that is missing, or no file, is refused by its name", () => {
    expect(() => readElfFile(join(dir, "none"))).toThrow(
      expect.objectContaining({
        code: "ELF_UNREADABLE",
        message: expect.stringMatching(/none failed: there is no such file or directory \(ENOENT\)$/),
      }),
    );
    expect(() => readElfFile("/dev/null", { name: "./hello" })).toThrow(
      expect.objectContaining({
        code: "ELF_UNREADABLE",
        message: "reading the program ./hello failed: it is not a regular file",
      }),
    );
  });
});
