import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { field, parseParagraph } from "../../src/unpack/paragraph.ts";

describe("a paragraph", () => {
  test("keeps its fields in their order, and long values as they stand", () => {
    const text = "Package: a\nDescription: short\n long\n .\n  code\nX-Own:value \n\n";
    expect([...(parseParagraph(text) ?? [])]).toEqual([
      ["Package", "a"],
      ["Description", "short\n long\n .\n  code"],
      ["X-Own", "value"],
    ]);
  });

  test("is asked without regard to case", () => {
    const paragraph = parseParagraph("PACKAGE: a\n") ?? new Map();
    expect(field(paragraph, "Package")).toBe("a");
    expect(field(paragraph, "Version")).toBeUndefined();
  });

  test.each([
    ["no colon"],
    [" starts with a space"],
    ["#: comment"],
    ["-a: b"],
    ["two words: b"],
    [": b"],
    ["a: b\n\nc: d"],
  ])("%j is none", (text) => expect(parseParagraph(text)).toBeUndefined());

  test.each([["Package: a\npackage: b"], ["Package: a\nPackage: b"]])("%j names a field twice and is none", (text) =>
    expect(parseParagraph(text)).toBeUndefined(),
  );

  test("of any fields is read as it was written", () => {
    const name = fc.stringMatching(/^[A-Z][A-Za-z0-9-]{0,10}$/);
    const value = fc.stringMatching(/^[!-~]{1,10}(?:\n [!-~]{1,5}){0,2}$/);
    const fields = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key.toLowerCase() });
    fc.assert(
      fc.property(fields, (written) => {
        fc.pre(written.length > 0);
        const text = written.map(([key, body]) => `${key}: ${body}\n`).join("");
        expect([...(parseParagraph(text) ?? [])]).toEqual(written);
      }),
    );
  });
});
