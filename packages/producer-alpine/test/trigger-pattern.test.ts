import { expect, test } from "vitest";
import { matchesTrigger } from "../src/install/trigger-pattern.ts";

test.each<[string, string, boolean]>([
  ["/usr/bin", "/usr/bin", true],
  ["/usr/bin", "/usr/sbin", false],
  ["/usr/*", "/usr/bin", true],
  ["/usr/*", "/usr", false],
  ["/usr/*", "/usr/share/man", false],
  ["/usr/lib/python3*/site-packages", "/usr/lib/python3.12/site-packages", true],
  ["/usr/lib/*.d/*", "/usr/lib/a.d.d/x", true],
  ["/usr/?in", "/usr/bin", true],
  ["/usr/?in", "/usr/in", false],
  ["/usr/[ab].(c)", "/usr/[ab].(c)", true],
  ["usr/*", "usr/bin", false],
  [`/${"*a".repeat(40)}b`, `/${"a".repeat(255)}`, false],
])("the trigger %s and the folder %s: %s", (pattern, folder, expected) => {
  expect(matchesTrigger(pattern, folder)).toBe(expected);
});
