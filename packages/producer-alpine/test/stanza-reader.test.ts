import fc from "fast-check";
import { expect, test } from "vitest";
import { StanzaReader } from "../src/apk/stanza-reader.ts";

function stanzas(pieces: readonly Uint8Array[]): string[] {
  const found: string[] = [];
  const reader = new StanzaReader((text) => found.push(text));
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    reader.push(lent);
    lent.fill(0xff);
  }
  reader.end();
  return found;
}

test.each<[string, string[]]>([
  ["", []],
  ["\n\n\n\n", []],
  ["P:a\nV:1\n\nP:b\nV:2\n\n", ["P:a\nV:1", "P:b\nV:2"]],
  ["P:a\n\nP:b", ["P:a", "P:b"]],
  ["\n\n\nP:a\n\n\n\n\nP:b\n", ["P:a", "P:b"]],
  ["P:a\n\r\n\nP:b", ["P:a", "P:b"]],
])("%j is taken apart at its blank lines", (text, expected) => {
  expect(stanzas([Buffer.from(text)]).map((stanza) => stanza.trim())).toEqual(expected);
});

test("whatever pieces it comes in, also within a character or a blank line", () => {
  const text = fc
    .array(fc.constantFrom("\n", "\n\n", "P:", "é", "𐍈", "a", "\n\n\n", "\u0000"), { maxLength: 40 })
    .map((parts) => Buffer.from(parts.join("")));
  fc.assert(
    fc.property(text, fc.array(fc.nat(80)), (bytes, cuts) => {
      const borders = [0, ...cuts.map((at) => Math.min(at, bytes.length)).sort((a, b) => a - b), bytes.length];
      const pieces = borders.slice(1).map((end, at) => bytes.subarray(borders[at], end));
      const expected = bytes
        .toString("utf8")
        .split("\n\n")
        .map((stanza) => stanza.trim());
      expect(stanzas(pieces).map((stanza) => stanza.trim())).toEqual(expected.filter((stanza) => stanza !== ""));
    }),
  );
});
