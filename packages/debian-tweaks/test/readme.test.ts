import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TWEAKS } from "../src/index.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README lists every tweak in its order", () => {
  const listed = [...README.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(TWEAKS.map(({ name }) => name));
});
