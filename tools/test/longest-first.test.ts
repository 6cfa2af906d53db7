import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { LONGEST, LongestFirst } from "../testing/longest-first.ts";

const ROOT = join(import.meta.dirname, "../..");

it("the longest test files are where they are said to be", () => {
  expect(LONGEST.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it("the longest begin first, in their order, whatever their package; the others as vitest has it", async () => {
  const cache = { getFileTestResults: () => undefined, getFileStats: () => undefined };
  const sequencer = new LongestFirst({ config: { root: ROOT }, cache } as unknown as Vitest);
  const [first = "", second = ""] = LONGEST;
  const paths = ["packages/core/test/a.test.ts", second, "tools/test/b.test.ts", first, "packages/tar/test/c.test.ts"];
  const files = paths.map((path) => {
    const name = path.split("/").at(-3) ?? "";
    const project = { name, config: { sequence: { groupOrder: 0 }, isolate: true } };
    return { moduleId: join(ROOT, path), project } as unknown as TestSpecification;
  });
  const sorted = (await sequencer.sort(files)).map(({ moduleId }) => moduleId.slice(ROOT.length + 1));
  expect(sorted).toEqual([first, second, paths[0], paths[4], paths[2]]);
});
