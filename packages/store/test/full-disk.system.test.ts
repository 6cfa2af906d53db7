import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";

const { skip } = requires("unshare", "root");

describe.skipIf(skip)("on a full disk", () => {
  test("the old file stays, the error says why, and nothing is left", () => {
    // A filesystem of one megabyte that only this process sees.
    const script = `
      mount -t tmpfs -o size=1m none /mnt && echo old > /mnt/output
      "$1" --conditions=@base-kit/source --import tsx "$2" /mnt/output
      ls -A /mnt; cat /mnt/output`;
    const args = [
      "--mount",
      "sh",
      "-c",
      script,
      "sh",
      process.execPath,
      fileURLToPath(new URL("fill-disk.ts", import.meta.url)),
    ];
    const { stdout, stderr } = spawnSync("unshare", args, {
      encoding: "utf8",
      cwd: join(import.meta.dirname, "../../.."),
    });
    expect(stdout, stderr).toBe("DISK_FULL cannot write /mnt/output: no space is left on the device\noutput\nold\n");
  });
});
