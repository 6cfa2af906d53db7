import { isBaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arMembers } from "../../src/unpack/ar.ts";
import { arOf } from "../deb-bytes.ts";

const read = (file: Buffer) => [...arMembers(file, "demo.deb")];
const members = fc.array(
  fc.record({
    name: fc.stringMatching(/^[a-z._-]{1,15}$/),
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 4 },
);

describe("the members of an ar archive", () => {
  test("are what was written", () => {
    fc.assert(fc.property(members, (written) => void expect(read(arOf(written))).toEqual(written)));
  });

  test("may have a slash after their name, and the last one no padding", () => {
    const file = arOf([{ name: "a/", bytes: Buffer.from("x") }]);
    expect(read(file.subarray(0, -1))).toEqual([{ name: "a", bytes: Buffer.from("x") }]);
  });

  test("of an archive cut or changed anywhere are fewer, other, or refused by name", () => {
    const cut = fc.tuple(members, fc.nat(400), fc.nat(255));
    fc.assert(
      fc.property(cut, ([written, at, byte]) => {
        const file = arOf(written);
        const changed = Buffer.from(file);
        if (at < changed.length) changed[at] = byte;
        for (const hostile of [file.subarray(0, at), changed]) {
          try {
            for (const { bytes } of read(hostile)) expect(bytes.length).toBeLessThanOrEqual(hostile.length);
          } catch (error) {
            expect(isBaseKitError(error) && error.code).toBe("DEB_INVALID");
          }
        }
      }),
    );
  });

  test.each([
    ["no ar archive", "hello", "it is no ar archive"],
    ["an empty file", "", "it is no ar archive"],
    ["half a header", "!<arch>\ndebian-binary   0     ", "it ends within the member header at byte 8"],
  ])("%s is refused", (_, text, why) => {
    expect(() => read(Buffer.from(text))).toThrow(`the package demo.deb is refused: ${why}`);
  });

  test.each([
    ["a header without its end", (header: string) => header.replace("`\n", "xx"), "header at byte 8 is damaged"],
    ["a size that is none", (header: string) => header.replace("4         `", "-4        `"), "has the size"],
    ["a size in hexadecimal", (header: string) => header.replace("4         `", "0x4       `"), "has the size"],
    [
      "a size beyond the end",
      (header: string) => header.replace("4         `", "9999999999`"),
      "ends within the member",
    ],
  ])("%s is refused", (_, spoil, why) => {
    expect(() => read(arOf([{ name: "debian-binary", bytes: Buffer.from("2.0\n") }], spoil))).toThrow(why);
  });
});
