import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { expect, test } from "vitest";
import { requireExecutable } from "../src/require-executable.ts";

test.each([
  ["amd64", "amd64", undefined, true],
  ["386", "amd64", undefined, true],
  ["arm/v7", "arm64", undefined, true],
  ["arm64", "amd64", undefined, false],
  ["amd64", "386", undefined, false],
  ["arm64", "amd64", "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n", true],
  ["arm64", "amd64", "disabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n", false],
  ["arm64", "amd64", "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: \n", false],
])("programs for %s on %s, with the emulator %j: %j", async (target, host, handler, works) => {
  const binfmt = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  try {
    if (handler !== undefined) writeFileSync(join(binfmt, "qemu-aarch64"), handler);
    const check = requireExecutable(parsePlatform(target), { host: parsePlatform(host), binfmt });
    if (works) await check;
    else await expect(check).rejects.toMatchObject({ code: "ARCHITECTURE_FOREIGN", kind: "unsupported" });
  } finally {
    rmSync(binfmt, { recursive: true, force: true });
  }
});
