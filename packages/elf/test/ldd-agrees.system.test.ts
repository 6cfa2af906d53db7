import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { bytesFromText } from "@base-kit/core";
import { requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { closureOf, directoryRoot, elfFiles, isElf, readElfFile } from "../src/index.ts";
import { withFileSource } from "../src/source.ts";

// ldd starts each program, of which a machine may have thousands.
describe.skipIf(requires("ldd").skip)("ldd", { timeout: 600_000 }, () => {
  test("loads the same files for every program of this machine", () => {
    // ldd takes a link for the place of the program; the kernel, and so $ORIGIN, the file it leads to.
    const files = readdirSync("/usr/bin").map((name) => join("/usr/bin", name));
    const programs = [...new Set(files.filter((path) => existsSync(path)).map((path) => realpathSync(path)))].filter(
      isDynamicProgram,
    );
    expect(programs.length).toBeGreaterThan(100);
    const expected = librariesByLdd(programs);
    const close = closureOf(elfFiles(directoryRoot()));
    const differing = programs.flatMap((path) => {
      const { libraries, missing, interpreter } = close({ path: bytesFromText(path) });
      const ours = [
        ...libraries.map(({ file }) => file.path as string).filter((each) => each !== interpreter?.file.path),
        ...missing.map(({ kind, name }) => `${kind} ${name}`),
      ].sort();
      const theirs = [...(expected.get(path) ?? [])].sort();
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ path, ours, theirs }];
    });
    expect(differing).toEqual([]);
  });
});

function isDynamicProgram(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || !withFileSource(path, (source) => isElf(source.read(0, Math.min(4, source.size)))))
    return false;
  return readElfFile(path).interpreter !== undefined;
}

/** Real paths of what ldd names, but for the linker itself: ldd shows it without saying who asked for it. */
function librariesByLdd(paths: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const { stdout } = spawnSync("ldd", [...paths, "/bin/true"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    maxBuffer: 1 << 28,
  });
  const result = new Map<string, Set<string>>();
  let current = new Set<string>();
  for (const line of stdout.split("\n")) {
    const [, path] = /^(\/.*):$/.exec(line) ?? [];
    if (path !== undefined) {
      current = new Set();
      result.set(path, current);
      continue;
    }
    const [, name, found] = /^\t(\S+) => (?:(\/\S+)|not found)/.exec(line) ?? [];
    if (name !== undefined) current.add(found === undefined ? `library ${name}` : realpathSync(found));
  }
  return result;
}
