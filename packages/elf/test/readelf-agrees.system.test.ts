import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { elfBytes, requires } from "@base-kit/testing";
import { afterAll, describe, expect, test } from "vitest";
import { isElf, readElfFile } from "../src/index.ts";
import { withFileSource } from "../src/source.ts";

describe.skipIf(requires("readelf").skip)("readelf reads the same", () => {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-elf-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("in this machine's programs and libraries", () => {
    const paths = ["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"]
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => programsIn(folder).slice(0, 400));
    expect(paths.length).toBeGreaterThan(50);
    expect(factsByElf(paths)).toEqual(factsByReadelf(paths));
  });

  test("in programs of other machines, made by hand", () => {
    const paths = [32, 64].flatMap((bits) =>
      ["little", "big"].flatMap((byteOrder) =>
        [3, 8, 22, 40, 183].map((machine) => {
          const path = join(dir, `${bits}-${byteOrder}-${machine}`);
          const options = { class: bits as 32 | 64, byteOrder: byteOrder as "little" | "big", machine };
          const names = {
            interpreter: "/lib/ld.so.1",
            needed: ["liba.so", "libb.so"],
            soname: "me.so",
            runpath: "/x:/y",
          };
          writeFileSync(path, elfBytes({ ...options, ...names, type: 3, rpath: "$ORIGIN" }));
          return path;
        }),
      ),
    );
    expect(factsByElf(paths)).toEqual(factsByReadelf(paths));
  });
});

interface Facts {
  readonly class: string;
  readonly byteOrder: string;
  readonly type: string;
  readonly interpreter: string | undefined;
  readonly dynamic: Readonly<Record<string, readonly string[]>>;
}

function programsIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter(
      (path) =>
        existsSync(path) && statSync(path).isFile() && withFileSource(path, (source) => isElf(source.read(0, 4))),
    );
}

function factsByElf(paths: readonly string[]): ReadonlyMap<string, Facts> {
  return new Map(
    paths.map((path) => {
      const elf = readElfFile(path);
      const { needed = [], soname, rpath, runpath } = elf.dynamic ?? {};
      const values = { NEEDED: needed, SONAME: [soname], RPATH: [rpath], RUNPATH: [runpath] };
      const dynamic = Object.entries(values).map(([tag, all]) => [tag, all.filter((each) => each !== undefined)]);
      const type = { executable: "EXEC", shared: "DYN", relocatable: "REL", core: "CORE", other: "?" }[elf.type];
      return [
        path,
        {
          class: `ELF${elf.class}`,
          byteOrder: elf.byteOrder,
          type,
          interpreter: elf.interpreter,
          dynamic: Object.fromEntries(dynamic),
        },
      ];
    }),
  );
}

function factsByReadelf(paths: readonly string[]): ReadonlyMap<string, Facts> {
  const output = execFileSync("readelf", ["--wide", "--file-header", "--program-headers", "--dynamic", ...paths], {
    encoding: "latin1",
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return new Map(
    output
      .split(/^File: /m)
      .slice(1)
      .map((block) => {
        const [path = ""] = block.split("\n", 1);
        const first = (pattern: RegExp) => pattern.exec(block)?.[1] ?? "";
        const all = (tag: string) =>
          [...block.matchAll(new RegExp(`\\(${tag}\\) .*: \\[(.*)\\]$`, "gm"))].map((match) => match[1] ?? "");
        const facts: Facts = {
          class: first(/Class:\s+(\S+)/),
          byteOrder: first(/Data:.*(little|big) endian/),
          type: first(/Type:\s+(\w+) \(/),
          interpreter: /Requesting program interpreter: (.*)\]$/m.exec(block)?.[1],
          dynamic: Object.fromEntries(["NEEDED", "SONAME", "RPATH", "RUNPATH"].map((tag) => [tag, all(tag)])),
        };
        return [path, facts];
      }),
  );
}
