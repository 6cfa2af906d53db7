import { expect, test } from "vitest";
import { withPublicSources } from "../src/sources-list.ts";
import { linesOf, rootfsOf } from "./tree.ts";

const USED = {
  suite: "focal",
  options: { components: ["main", "universe"] },
  instead: "http://archive.ubuntu.com/ubuntu",
};
const MADE = 'file 644 0:0 etc/apt/sources.list "deb http://m/ubuntu focal main\\n"';

test.each([
  ["http://m/ubuntu", MADE],
  ["https://m/ubuntu", MADE],
  [
    "file:///srv/mirror",
    'file 644 0:0 etc/apt/sources.list "deb http://archive.ubuntu.com/ubuntu focal main universe\\n"',
  ],
])("an image made from %s has %s", async (mirror, line) => {
  expect(await linesOf(withPublicSources(rootfsOf(MADE), { ...USED, mirror }))).toEqual([line]);
});
