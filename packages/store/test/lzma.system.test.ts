import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { decodeLzma } from "../src/lzma.ts";

const LIMIT = 4 * 1024 ** 2;
const OPTIONS = { limit: LIMIT, name: "it" };
const xz = (content: Uint8Array, ...args: readonly string[]) =>
  execFileSync("xz", ["--format=lzma", "--stdout", ...args], { input: content, maxBuffer: 2 ** 28 });

/** xz writes no size into the header, as it reads a pipe; older programs did. */
function withSize(file: Buffer, size: number): Buffer {
  const changed = Buffer.from(file);
  changed.writeBigUInt64LE(BigInt(size), 5);
  return changed;
}

const text = Buffer.from("a line of text that comes again, and a number: 0123456789\n".repeat(5000));
const CONTENTS: Readonly<Record<string, () => Buffer>> = {
  nothing: () => Buffer.alloc(0),
  "one byte": () => Buffer.from("x"),
  text: () => text,
  noise: () => randomFillSync(Buffer.alloc(100_000)),
  zeros: () => Buffer.alloc(LIMIT),
  "a program": () => readFileSync("/bin/sh"),
  "text with noise": () =>
    Buffer.concat([text, randomFillSync(Buffer.alloc(5000)), text, Buffer.alloc(70_000, 7), text]),
};

describe.skipIf(requires("xz").skip)("what xz writes as lzma", () => {
  test.each(Object.keys(CONTENTS))("is read: %s", (what) => {
    const content = CONTENTS[what]?.() ?? Buffer.alloc(0);
    for (const preset of ["-0", "-6", "-9e"]) {
      const file = xz(content, preset);
      expect(decodeLzma(file, OPTIONS).equals(content)).toBe(true);
      expect(decodeLzma(withSize(file, content.length), OPTIONS).equals(content)).toBe(true);
    }
  });

  test.each([
    "lc=0,lp=0,pb=0",
    "lc=0,lp=4,pb=4",
    "lc=4,lp=0,pb=2",
    "lc=1,lp=3,pb=1",
    "dict=4KiB",
    "mode=fast,nice=273",
  ])("is read with %s", (settings) => {
    const content = CONTENTS["text with noise"]?.() ?? Buffer.alloc(0);
    expect(decodeLzma(xz(content, `--lzma1=${settings}`), OPTIONS).equals(content)).toBe(true);
  });

  test("is refused when it is cut anywhere or followed by anything", () => {
    const file = xz(text.subarray(0, 3000));
    for (let length = 0; length < file.length; length++)
      expect(() => decodeLzma(file.subarray(0, length), OPTIONS)).toThrow(
        expect.objectContaining({ code: "DECOMPRESS_DAMAGED" }),
      );
    expect(() => decodeLzma(Buffer.concat([file, Buffer.from("x")]), OPTIONS)).toThrow(
      "something stands behind its end",
    );
  });

  test("with a flipped bit is one of our errors wherever xz sees one, and else what xz makes of it", () => {
    const file = xz(CONTENTS["text with noise"]?.().subarray(280_000, 296_000) ?? Buffer.alloc(0));
    for (let at = 13; at < file.length; at += Math.ceil(file.length / 60)) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      let theirs: Buffer | undefined;
      try {
        theirs = execFileSync("xz", ["--format=lzma", "-dc"], {
          input: changed,
          stdio: ["pipe", "pipe", "ignore"],
          maxBuffer: 2 ** 28,
        });
      } catch {
        theirs = undefined;
      }
      if (theirs === undefined)
        expect(() => decodeLzma(changed, OPTIONS)).toThrow(expect.objectContaining({ kind: "verification" }));
      else expect(decodeLzma(changed, OPTIONS).equals(theirs)).toBe(true);
    }
  });

  test("that unpacks to a hundred megabytes of zeros is stopped at the limit", () => {
    const bomb = execFileSync("sh", ["-c", "head -c 100000000 /dev/zero | xz --format=lzma -0"], {
      maxBuffer: 2 ** 28,
    });
    const before = process.memoryUsage().rss;
    for (const file of [bomb, withSize(bomb, 100_000_000)])
      expect(() => decodeLzma(file, OPTIONS)).toThrow(expect.objectContaining({ code: "DECOMPRESS_TOO_LARGE" }));
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 ** 2);
  });

  test("that claims a dictionary of gigabytes, or is nothing of the kind, is refused", () => {
    const file = xz(text);
    file.writeUInt32LE(0xffff_ffff, 1);
    expect(() => decodeLzma(file, OPTIONS)).toThrow(expect.objectContaining({ code: "DECOMPRESS_UNSUPPORTED" }));
    expect(() => decodeLzma(Buffer.alloc(100, 0xff), OPTIONS)).toThrow("not in the lzma format");
  });
});
