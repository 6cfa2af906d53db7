import { type Entry, textFromBytes } from "@base-kit/core";
import { textFromEntries } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { parseParagraph } from "../../src/unpack/paragraph.ts";
import { readPackage } from "../../src/unpack/read-package.ts";
import { layOut, type NamedPackage } from "../../src/unpack/tree.ts";
import { CONTROL, contentsOf } from "../deb-bytes.ts";

async function packageOf(name: string, data: string, more = ""): Promise<NamedPackage> {
  const text = `${CONTROL.replace("demo", name)}${more}`;
  const archives = await contentsOf({ control: `file 644 0:0 control ${JSON.stringify(text)}`, data });
  const contents = readPackage(archives, `${name}.deb`);
  const content = ({ offset = 0, size = 0 }) => [archives.data.subarray(offset, offset + size)];
  return { name, version: "1.0", paragraph: parseParagraph(text) ?? new Map(), contents, content };
}

const linesOf = async (entries: Iterable<Entry> | undefined) => (await textFromEntries(entries ?? [])).split("\n");

describe("the tree of several packages", () => {
  test("has each directory once, and each file under its package", async () => {
    const a = await packageOf("a", 'directory 755 0:0 etc\ndirectory 750 0:0 etc/x\nfile 644 0:0 etc/x/a "a"');
    const b = await packageOf("b", 'directory 755 0:0 etc\ndirectory 700 0:0 etc/x\nfile 644 0:0 etc/x/b "b"');
    const { folders, files, lost } = layOut([a, b], { mergedUsr: false });
    expect(await linesOf(folders)).toEqual(["directory 755 0:0 etc/", "directory 750 0:0 etc/x/"]);
    expect(await linesOf(files.get(a))).toEqual(['file 644 0:0 etc/x/a "a"']);
    expect(await linesOf(files.get(b))).toEqual(['file 644 0:0 etc/x/b "b"']);
    expect(lost.size).toBe(0);
  });

  test("of a merged system has what was in /bin and /lib in /usr, hard links too, and the links once", async () => {
    const a = await packageOf(
      "a",
      'directory 755 0:0@3 bin\nfile 755 0:0 bin/sh "s"\nhardlink 755 0:0 bin/dash => bin/sh\nsymlink 777 0:0 lib64/ld.so -> /lib/x/ld.so',
    );
    const b = await packageOf("b", "directory 755 0:0 bin\ndirectory 755 0:0 usr/bin\ndirectory 755 0:0 lib64");
    const { folders, files } = layOut([a, b], { mergedUsr: true });
    expect(await linesOf(folders)).toEqual([
      "symlink 777 0:0@3 bin -> usr/bin",
      "directory 755 0:0@3 usr/bin/",
      "symlink 777 0:0 lib64 -> usr/lib64",
      "directory 755 0:0 usr/lib64/",
    ]);
    expect(await linesOf(files.get(a))).toEqual([
      'file 755 0:0 usr/bin/sh "s"',
      "hardlink 755 0:0 usr/bin/dash => usr/bin/sh",
      "symlink 777 0:0 usr/lib64/ld.so -> /lib/x/ld.so",
    ]);
  });

  test("refuses a file of two packages, and names both", async () => {
    const a = await packageOf("a", 'file 644 0:0 bin/x "a"');
    const b = await packageOf("b", 'file 644 0:0 usr/bin/x "b"');
    expect(() => layOut([a, b], { mergedUsr: true })).toThrow("both a 1.0 and b 1.0 have /usr/bin/x");
    expect(layOut([a, b], { mergedUsr: false }).lost.size).toBe(0);
  });

  test.each([
    ["Replaces: a\n", true],
    ["Replaces: other, a (<< 2)\n", true],
    ["Replaces: a (>= 2)\n", false],
    ["Provides: a\n", false],
  ])("with %j, it takes over: %s", async (more, isReplaced) => {
    const a = await packageOf("a", 'file 644 0:0 usr/x "a"\nfile 644 0:0 usr/y "a"');
    const b = await packageOf("b", 'file 644 0:0 usr/x "b"', more);
    for (const order of [
      [a, b],
      [b, a],
    ]) {
      if (!isReplaced) {
        expect(() => layOut(order, { mergedUsr: true })).toThrow("neither replaces the other");
        continue;
      }
      const { files, lost } = layOut(order, { mergedUsr: true });
      expect(files.get(a)?.map(({ path }) => textFromBytes(path))).toEqual(["usr/y"]);
      expect(await linesOf(files.get(b))).toEqual(['file 644 0:0 usr/x "b"']);
      expect([...(lost.get(a) ?? [])]).toEqual(["/usr/x"]);
    }
  });

  test("has a package's link where another one has a directory", async () => {
    const a = await packageOf("a", "directory 755 0:0 usr\ndirectory 755 0:0 usr/bin\nsymlink 777 0:0 bin -> usr/bin");
    const b = await packageOf("b", 'directory 755 0:0 bin\nfile 755 0:0 bin/x ""');
    const { folders, files } = layOut([b, a], { mergedUsr: true });
    expect(folders.map(({ path }) => path).sort()).toEqual(["usr", "usr/bin"]);
    expect(files.get(a)?.map(({ path }) => path)).toEqual(["bin"]);
    expect(files.get(b)?.map(({ path }) => path)).toEqual(["usr/bin/x"]);
  });
});
