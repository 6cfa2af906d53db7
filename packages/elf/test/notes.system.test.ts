import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readElf, readElfFile } from "../src/index.ts";

const DLOPEN = JSON.stringify([
  { soname: ["libfido2.so.1"], feature: "fido2", description: "Security keys", priority: "required" },
  { soname: ["libbpf.so.1", "libbpf.so.0"], priority: "suggested" },
  { soname: ["libidn2.so.0"] },
  { soname: [] },
  { soname: 7 },
]);

const SOURCE = `
#include <stdio.h>
__attribute__((section(".note.dlopen"), aligned(4), used)) static const struct {
  unsigned name, size, type; char owner[4]; char content[${Math.ceil((DLOPEN.length + 1) / 4) * 4}];
} note = { 4, sizeof note.content, 0x407c0c0a, "FDO", ${JSON.stringify(DLOPEN)} };
int main(void) { puts("x"); return 0; }
`;

describe.skipIf(requires("gcc", "readelf").skip)("a program by gcc", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-notes-"));
    writeFileSync(join(dir, "a.c"), SOURCE);
    execFileSync("gcc", ["-o", join(dir, "a"), join(dir, "a.c"), "-Wl,--build-id=sha1", "-Wl,-z,nodefaultlib"]);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("tells its build id, what it opens by itself, and the versions it was linked against", () => {
    const elf = readElfFile(join(dir, "a"));
    // Its exit code is 1 for a note that it does not know.
    const { stdout: readelf } = spawnSync("readelf", ["--wide", "--notes", "--version-info", join(dir, "a")], {
      encoding: "utf8",
    });
    expect(elf.notes?.buildId).toBe(/Build ID: ([0-9a-f]+)/.exec(readelf)?.[1]);
    expect(elf.notes?.dlopen).toEqual([
      { sonames: ["libfido2.so.1"], feature: "fido2", description: "Security keys", priority: "required" },
      { sonames: ["libbpf.so.1", "libbpf.so.0"], priority: "suggested" },
      { sonames: ["libidn2.so.0"], priority: "recommended" },
    ]);
    const names = [...readelf.matchAll(/Name: (\S+) {2}Flags/g)].map(([, name]) => name).sort();
    expect(elf.dynamic?.versionNeeds?.map(({ library }) => library)).toEqual(["libc.so.6"]);
    expect(elf.dynamic?.versionNeeds?.flatMap(({ versions }) => [...versions]).sort()).toEqual(names);
    expect(elf.dynamic?.noDefaultFolders).toBe(true);
  });

  test("with any byte overwritten is read or refused, never more", () => {
    const whole = readFileSync(join(dir, "a"));
    for (let at = 0; at < 4096; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      try {
        readElf(damaged, "a");
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ELF_/) });
      }
    }
  });
});
