import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions } from "../src/index/version.ts";

// Each is older than the next: deb-version(7) and the corners that programs get wrong.
const ASCENDING = [
  "0",
  "1~~",
  "1~~a",
  "1~",
  "1",
  "1-0.1",
  "1-1",
  "1a",
  "1+",
  "1.0",
  "1.0.1",
  "1.2",
  "1.10",
  "9",
  "10",
  "1:0",
  "1:1",
  "10:0",
];

test("versions are ordered by the rules, not by their letters", () => {
  expect([...ASCENDING].reverse().sort(compareVersions)).toEqual(ASCENDING);
});

test.each([
  ["1.0", "1.00"],
  ["0:1", "1"],
  ["1-0", "1"],
  ["1.01-1", "1.1-1"],
])("%s and %s are the same", (a, b) => {
  expect(compareVersions(a, b)).toBe(0);
});

test("the order has no circles and does not depend on who comes first", () => {
  const version = fc.stringMatching(/^[0-9][0-9a-z.+~]{0,8}$/);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});
