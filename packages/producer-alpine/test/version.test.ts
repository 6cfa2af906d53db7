import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions, isVersion, startsWithVersion } from "../src/apk/version.ts";

describe("versions", () => {
  test.each([
    ["1.0", "=", "1.0"],
    ["1.10", ">", "1.9"],
    ["1.05", "<", "1.5"],
    ["1.0", ">", "1.00"],
    ["1.2.3", ">", "1.2"],
    ["1.2a", ">", "1.2"],
    ["1.2a", "<", "1.2b"],
    ["1.2_alpha", "<", "1.2"],
    ["1.2_alpha2", ">", "1.2_alpha"],
    ["1.2_rc1", "<", "1.2"],
    ["1.2_p1", ">", "1.2"],
    ["1.2_git20240101", ">", "1.2_cvs"],
    ["1.2-r1", ">", "1.2"],
    ["1.2-r10", ">", "1.2-r9"],
    ["1.2_rc1-r5", "<", "1.2-r0"],
  ])("%s %s %s", (a, relation, b) => {
    const order = compareVersions(a, b);
    expect(order < 0 ? "<" : order > 0 ? ">" : "=").toBe(relation);
    expect(Math.sign(compareVersions(b, a))).toBe(-Math.sign(order) || 0);
  });

  test.each(["", "a", "1.", "1_", "1-r", "1.2_new", "v1", "1 2", "1.2-r1-r2", "1".repeat(20)])("%j is none", (text) => {
    expect(isVersion(text)).toBe(false);
  });

  test.each([
    ["3.12.4-r1", "3.12", true],
    ["3.12", "3.12", true],
    ["3.1", "3.12", false],
    ["3.120", "3.12", false],
  ])("%s ~ %s: %s", (version, prefix, expected) => {
    expect(startsWithVersion(version, prefix)).toBe(expected);
  });

  test("the order is one", () => {
    const number = fc.constantFrom("0", "1", "01", "2", "10");
    const version = fc
      .tuple(
        fc.array(number, { minLength: 1, maxLength: 3 }),
        fc.constantFrom("", "a", "_rc1", "_p"),
        fc.constantFrom("", "-r0", "-r2"),
      )
      .map(([numbers, suffix, revision]) => `${numbers.join(".")}${suffix}${revision}`);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) || 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
