import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions } from "../src/index/version.ts";

const PAIRS = 150;
const piece = fc.constantFrom("0", "1", "2", "9", "10", "00", "a", "b", "Z", "~", "~~", "+", ".", "-", "deb", "rc");
const tail = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
const version = fc
  .tuple(fc.constantFrom("", "0:", "1:", "12:"), fc.nat(20), tail)
  .map(([epoch, first, rest]) => `${epoch}${first}${rest}`.replace(/-$/, "-0"));

// One shell for all comparisons: starting dpkg is what takes the time.
const SCRIPT =
  'while read -r a b; do dpkg --compare-versions "$a" lt "$b" 2>/dev/null && echo -1 && continue; dpkg --compare-versions "$a" gt "$b" 2>/dev/null && echo 1 || echo 0; done';

describe.skipIf(!existsSync("/usr/bin/dpkg"))("versions", () => {
  test("are in dpkg's order", () => {
    const pairs = fc.sample(fc.tuple(version, version), PAIRS);
    const input = `${pairs.map((pair) => pair.join(" ")).join("\n")}\n`;
    const { stdout } = spawnSync("sh", ["-c", SCRIPT], { input });
    const expected = stdout.toString().trim().split("\n").map(Number);
    expect(pairs.map(([a, b]) => [a, b, Math.sign(compareVersions(a, b))])).toEqual(
      pairs.map(([a, b], index) => [a, b, expected[index]]),
    );
  });
});
