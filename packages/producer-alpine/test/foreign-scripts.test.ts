import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { fileEntry } from "@base-kit/rootfs";
import { makeApk, newApkKey } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { readApk } from "../src/apk/package-file.ts";
import { configureChanges } from "../src/install/configure.ts";
import { isExecutable } from "../src/install/is-executable.ts";
import type { ConfigureMode } from "../src/options.ts";
import { testContext } from "./in-context.ts";

const key = newApkKey();
const host = parsePlatform("amd64");
const tree = ["passwd", "group", "shadow"].map((name) => fileEntry(`etc/${name}`, "root:x:0:\n"));

async function configured(script: string, mode: ConfigureMode) {
  const built = makeApk({ name: "web", architecture: "aarch64", scripts: { "pre-install": script } }, key);
  const expected = { name: "web", version: "1.0-r0", architecture: "aarch64", checksum: built.checksum };
  const keys = new Map([[key.name, createPublicKey(key.publicPem)]]);
  const { contents } = readApk(built.bytes, { file: "web.apk", keys, expected, limit: 2 ** 20 });
  const added = { contents, architecture: "aarch64", checksum: built.checksum, size: 1, sha256: "", content: () => [] };
  await using context = await testContext();
  const { entries } = await configureChanges(
    { segments: [{ key: "x", origin: "base", entries: () => tree }] },
    {
      mode,
      architecture: "aarch64",
      added: [added],
      laid: { folders: [], files: new Map(), lost: new Map(), replaced: new Set() },
      kept: { stanzas: [], scripts: [], triggers: [] },
      epoch: 1_700_000_000,
      emulation: { host, binfmt: "/nowhere" },
    },
    context,
  );
  return { paths: entries.map(({ path }) => path), events: context.events };
}

describe("of an architecture that this machine cannot run", () => {
  test("scripts are applied without running them", async () => {
    const { paths, events } = await configured("#!/bin/sh\naddgroup -S web\n", "auto");
    expect(paths).toContain("etc/group");
    const message = "this machine cannot run programs for aarch64: applied without running them: 1 script of packages";
    expect(events).toEqual([{ type: "noted", message }]);
  });

  test("scripts that do something else are named", async () => {
    const { paths, events } = await configured("#!/bin/sh\nmake-something\n", "auto");
    expect(paths).toEqual([]);
    expect(events).toEqual([
      {
        type: "warned",
        code: "NOT_CONFIGURED",
        message: expect.stringMatching(/^this machine cannot run programs for aarch64: .*web-1\.0-r0\.pre-install/),
      },
    ]);
  });

  test.each(["userns", "chroot", "container"] as const)("none is run by %s", async (mode) => {
    await expect(configured("#!/bin/sh\n", mode)).rejects.toMatchObject({
      code: "ARCHITECTURE_FOREIGN",
      kind: "unsupported",
      hint: expect.stringContaining("qemu-user-static"),
    });
  });
});

test.each<[string, string, string | undefined, boolean]>([
  ["x86_64", "amd64", undefined, true],
  ["x86", "amd64", undefined, true],
  ["armv7", "arm64", undefined, true],
  ["aarch64", "amd64", undefined, false],
  ["aarch64", "amd64", "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n", true],
  ["aarch64", "amd64", "disabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n", false],
  ["aarch64", "amd64", "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: \n", false],
])("programs for %s on %s with the handler %j: %s", async (architecture, machine, handler, expected) => {
  const binfmt = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  try {
    if (handler !== undefined) writeFileSync(join(binfmt, `qemu-${architecture}`), handler);
    expect(await isExecutable(architecture, { host: parsePlatform(machine), binfmt })).toBe(expected);
  } finally {
    rmSync(binfmt, { recursive: true });
  }
});
