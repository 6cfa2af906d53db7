import { expect, test } from "vitest";
import { closest } from "../src/closest.ts";

test.each([
  ["trixy", ["trixie"]],
  ["jamy", ["jammy"]],
  ["bokworm", ["bookworm"]],
  ["windows", []],
  ["xx", []],
])("close to %s: %j", (word, expected) => {
  expect(closest(word, ["bookworm", "trixie", "jammy", "focal", "sid"])).toEqual(expected);
});
