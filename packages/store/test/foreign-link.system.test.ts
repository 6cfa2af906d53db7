import { chmodSync, lchownSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFileAtomically } from "../src/index.ts";

describe.skipIf(requires("root").skip)("a link that somebody else has made", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "foreign-link-"));
    writeFileSync(join(dir, "target"), "old");
    symlinkSync("target", join(dir, "output"));
    lchownSync(join(dir, "output"), 65534, 65534);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const write = () => writeFileAtomically(join(dir, "output"), [Buffer.from("new")]);

  test("leads nowhere in a folder like /tmp, as in Linux", async () => {
    chmodSync(dir, 0o1777);
    await expect(write()).rejects.toMatchObject({
      code: "WRITE_FAILED",
      message: expect.stringContaining("a link to target, which somebody else has made"),
    });
    expect(readFileSync(join(dir, "target"), "utf8")).toBe("old");
  });

  test("is followed in a folder of one's own", async () => {
    await write();
    expect(readFileSync(join(dir, "target"), "utf8")).toBe("new");
  });
});
