import { describe, expect, test } from "vitest";
import { statusParagraph } from "../../src/dpkg-database/status.ts";
import { parseParagraph } from "../../src/unpack/paragraph.ts";

const contents = { control: "", controlFiles: [], members: [], conffileDigests: {} };
const write = (control: string, overrides = {}) =>
  statusParagraph(parseParagraph(control) ?? new Map(), contents, {
    priority: undefined,
    section: undefined,
    ...overrides,
  });

describe("the paragraph of a package in dpkg's status", () => {
  test("has the fields in dpkg's order, and those it does not know at the end", () => {
    const control = "Homepage: h\nDescription: d\nversion: 1\nPackage: a\nSource: s\nArchitecture: all\nMaintainer: m";
    expect(write(control)).toBe(
      "Package: a\nStatus: install ok unpacked\nMaintainer: m\nArchitecture: all\nSource: s\nVersion: 1\nDescription: d\nHomepage: h\n",
    );
  });

  test("says what the archive says of priority and section", () => {
    const text = write("Package: a\nPriority: extra\nSection: x\nVersion: 1", {
      priority: "required",
      section: "admin",
    });
    expect(text).toContain("\nPriority: required\nSection: admin\n");
  });

  test.each([
    ["Depends: a(>=1),b|c ( << 2 ) , d:any", "Depends: a (>= 1), b | c (<< 2), d:any"],
    ["Depends: a (< 1), b (> 2)", "Depends: a (<= 1), b (>= 2)"],
    ["Depends: a,\n b", "Depends: a, b"],
    ["Multi-Arch: no", ""],
    ["Essential: no", ""],
    ["Essential: yes", "Essential: yes"],
  ])("%j becomes %j", (line, expected) => {
    const found = write(`Package: a\n${line}\nVersion: 1`)
      .split("\n")
      .filter((each) => !/^(?:Package|Status|Version|$)/.test(each));
    expect(found.join("\n")).toBe(expected);
  });

  test("remembers the digests of configuration files", () => {
    const conffiles = {
      name: "conffiles",
      mode: 0o644,
      mtime: 0,
      base64: Buffer.from("/etc/a\n/etc/b\n").toString("base64"),
    };
    const given = { ...contents, controlFiles: [conffiles], conffileDigests: { "/etc/a": "0".repeat(32) } };
    const text = statusParagraph(new Map([["Package", "a"]]), given, { priority: undefined, section: undefined });
    expect(text).toContain(`\nConffiles:\n /etc/a ${"0".repeat(32)}\n /etc/b newconffile\n`);
  });
});
