import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseApkInstalled } from "../src/databases/apk.ts";
import { parseDpkgStatus } from "../src/databases/dpkg.ts";
import { parseOsRelease } from "../src/databases/os-release.ts";

test("os-release values lose their quotes and keep everything else", () => {
  const text = `# comment\nID=alpine\nPRETTY_NAME="Alpine \\"Linux\\" \\$5"\nNAME='it is'\n  VERSION_ID=3.20.3\nnot a line\n`;
  expect(parseOsRelease(text)).toEqual({
    ID: "alpine",
    PRETTY_NAME: 'Alpine "Linux" $5',
    NAME: "it is",
    VERSION_ID: "3.20.3",
  });
});

describe("dpkg status", () => {
  test("gives the packages that are installed, with their source", () => {
    const text = [
      "Package: zlib1g\nStatus: install ok installed\nSource: zlib (1.2)\nVersion: 1:1.2.13\nArchitecture: amd64\nDescription: x\n more",
      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all",
      "Package: apt\nStatus: install ok unpacked\nVersion: 2.6\nArchitecture: amd64",
      "",
    ].join("\n\n");
    expect(parseDpkgStatus(text)).toEqual([
      { name: "apt", version: "2.6", architecture: "amd64" },
      { name: "zlib1g", version: "1:1.2.13", architecture: "amd64", source: "zlib" },
    ]);
  });
});

test("the apk database gives name, version, architecture, origin and licence", () => {
  const text =
    "C:Q1x=\nP:musl-utils\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:bin\n\nP:busybox\nV:1.36-r0\nA:x86_64\no:busybox\n\n";
  expect(parseApkInstalled(text)).toEqual([
    { name: "busybox", version: "1.36-r0", architecture: "x86_64" },
    { name: "musl-utils", version: "1.2.5-r0", architecture: "x86_64", source: "musl", licence: "MIT" },
  ]);
});

test("no text makes a parser throw", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      for (const parse of [parseOsRelease, parseDpkgStatus, parseApkInstalled]) expect(() => parse(text)).not.toThrow();
    }),
  );
});
