import fc from "fast-check";
import { expect, test } from "vitest";
import { collectPackagesIndex, type PackagesIndex, readPackagesIndex } from "../src/index/packages-index.ts";

const stanza = (name: string, version: string) =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: all\nPriority: optional\nProvides: v-${name}\n` +
  `Filename: pool/${name}.deb\nSize: 1\nSHA256: ${"0".repeat(64)}\n`;
const piecesOf = (bytes: Buffer, cuts: readonly number[]) => {
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, at) => bytes.subarray(borders[at], end));
};
async function* pushed(pieces: readonly Buffer[]) {
  yield* pieces;
}
/** All that can be asked. */
const told = (index: PackagesIndex) => ({
  size: index.size,
  names: [...index.names()],
  found: [...index.names()].map((name) => index.find(name)),
  optional: index.withLine("Priority: optional"),
  providers: index.providersOf("v-aa"),
  mention: index.firstMention("v-bb"),
});

test("an index is the same in whatever pieces it comes, and whatever size was expected", async () => {
  const parts = fc.array(
    fc.constantFrom(
      "\n",
      "\n\n",
      stanza("aa", "1"),
      stanza("aa", "2"),
      stanza("bb", "1"),
      `X: y\n${stanza("cc", "1")}`,
    ),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(parts, fc.array(fc.nat()), fc.nat(1000), async (texts, cuts, expected) => {
      const bytes = Buffer.from(texts.join("\n"));
      const collected = await collectPackagesIndex(pushed(piecesOf(bytes, cuts)), { subject: "x", expected });
      expect(told(collected)).toEqual(told(readPackagesIndex(bytes, "x")));
    }),
  );
});

test("the stanzas of an index are found, with all versions of a package", () => {
  const index = readPackagesIndex(
    Buffer.from(`\n\n${["aa", "bb", "aa"].map((name, at) => stanza(name, `${at}`)).join("\n\n\n")}`),
    "x",
  );
  expect([...index.names()]).toEqual(["aa", "bb"]);
  expect(index.find("aa").map(({ version }) => version)).toEqual(["0", "2"]);
  expect(index.find("cc")).toEqual([]);
});
