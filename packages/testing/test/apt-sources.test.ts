import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { debianArchives } from "../src/apt-sources.ts";

let etcApt: string;

beforeEach(() => {
  etcApt = mkdtempSync(join(tmpdir(), "base-kit-apt-"));
  mkdirSync(join(etcApt, "sources.list.d"));
});

afterEach(() => {
  rmSync(etcApt, { recursive: true, force: true });
});

it.each([
  ["a one-line file", "sources.list", "deb http://a.example/debian bookworm main\n", ["http://a.example/debian"]],
  [
    "options, sources and comments",
    "sources.list",
    "# deb http://no.example/x y z\ndeb-src http://no.example/s y z\ndeb [arch=amd64 signed-by=/k] https://b.example/debian/ stable main\n",
    ["https://b.example/debian"],
  ],
  [
    "a deb822 file with several addresses and a continuation",
    "sources.list.d/debian.sources",
    "Types: deb\nURIs: http://a.example/debian http://b.example/debian\n http://c.example/debian\nSuites: bookworm\n",
    ["http://a.example/debian", "http://b.example/debian", "http://c.example/debian"],
  ],
  ["a file apt would ignore", "sources.list.d/old.bak", "deb http://a.example/debian bookworm main\n", []],
  ["a local archive", "sources.list", "deb file:/srv/debian bookworm main\n", []],
])("reads %s", (_, file, content, expected) => {
  writeFileSync(join(etcApt, file), content);
  expect(debianArchives(etcApt)).toEqual(expected);
});

it("finds nothing where there is no apt", () => {
  expect(debianArchives(join(etcApt, "none"))).toEqual([]);
});
