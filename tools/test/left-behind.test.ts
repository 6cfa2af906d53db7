import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchTemporaries } from "../testing/left-behind.mjs";

test("only what tests of ours left since is named", () => {
  const folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  try {
    mkdirSync(join(folder, "bk-before"));
    const leftBehind = watchTemporaries(folder);
    for (const name of ["bk-cli-x", "base-kit-test-x", "store-test-x", "somebody-else"]) mkdirSync(join(folder, name));
    rmSync(join(folder, "bk-cli-x"), { recursive: true });
    expect(leftBehind().sort()).toEqual(["base-kit-test-x", "store-test-x"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
