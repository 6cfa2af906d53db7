import { type Entry, textFromBytes } from "@base-kit/core";
import { textFromEntries } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { parseParagraph } from "../../src/unpack/paragraph.ts";
import { layOut, type NamedPackage } from "../../src/unpack/tree.ts";
import { CONTROL, contentsOf, readPackage } from "../deb-bytes.ts";

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

  test("keeps a file under its other names when one of them is replaced", async () => {
    const a = await packageOf(
      "a",
      'file 4755 0:7 usr/x "old"\nhardlink 4755 0:7 usr/y => usr/x\nhardlink 4755 0:7 usr/z => usr/x\nfile 644 0:0 usr/k ""',
    );
    const b = await packageOf("b", 'file 644 0:0 usr/x "new"', "Replaces: a\n");
    for (const order of [
      [a, b],
      [b, a],
    ]) {
      const { files } = layOut(order, { mergedUsr: true });
      expect(await linesOf(files.get(b))).toEqual(['file 644 0:0 usr/x "new"']);
      expect(await linesOf(files.get(a))).toEqual([
        'file 4755 0:7 usr/y "old"',
        "hardlink 4755 0:7 usr/z => usr/y",
        'file 644 0:0 usr/k ""',
      ]);
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

  test.each([
    ["symlink 777 0:0 usr/a -> b", "usr/b/x"],
    ["symlink 777 0:0 usr/a -> /b", "b/x"],
    ["symlink 777 0:0 usr/a -> ../../../etc", "etc/x"],
    ["symlink 777 0:0 usr/a -> c/../d\nsymlink 777 0:0 usr/d -> /e", "e/x"],
  ])("has what is in a folder that is a link (%j) where the link leads, within the tree", async (links, expected) => {
    const a = await packageOf("a", links);
    const b = await packageOf(
      "b",
      'directory 755 0:0 usr/a\nfile 644 0:0 usr/a/x "x"\nhardlink 644 0:0 usr/a/y => usr/a/x',
    );
    for (const order of [
      [a, b],
      [b, a],
    ]) {
      const { files, folders } = layOut(order, { mergedUsr: true });
      expect(await linesOf(files.get(b))).toEqual([
        `file 644 0:0 ${expected} "x"`,
        `hardlink 644 0:0 ${expected.replace("x", "y")} => ${expected}`,
      ]);
      expect(folders.map(({ path }) => path)).not.toContain("usr/a");
    }
  });

  test("has the later one of two in one package, unless they are of two kinds", async () => {
    const twice = await packageOf("a", 'file 644 0:0 bin/a "1"\nfile 600 0:0 usr/bin/a "2"');
    expect(await linesOf(layOut([twice], { mergedUsr: true }).files.get(twice))).toEqual([
      'file 600 0:0 usr/bin/a "2"',
    ]);
    const kinds = await packageOf("a", 'file 644 0:0 bin/a "1"\nsymlink 777 0:0 usr/bin/a -> b');
    expect(() => layOut([kinds], { mergedUsr: true })).toThrow("/usr/bin/a is in a 1.0 a file and in a 1.0 a symlink");
    const file = await packageOf("a", 'file 644 0:0 srv/a "1"');
    const folder = await packageOf("b", "directory 755 0:0 srv/a");
    for (const order of [
      [file, folder],
      [folder, file],
    ])
      expect(() => layOut(order, { mergedUsr: true })).toThrow("/srv/a is in a 1.0 a file and in b 1.0 a directory");
  });

  test("refuses links in a circle, a file in a file, and what a link brings to another package's path", async () => {
    const file = await packageOf("b", 'file 644 0:0 usr/a/x "x"');
    const circle = await packageOf("a", "symlink 777 0:0 usr/a -> c\nsymlink 777 0:0 usr/c -> a");
    expect(() => layOut([circle, file], { mergedUsr: true })).toThrow("/usr/a is a link that leads nowhere");
    const flat = await packageOf("a", 'file 644 0:0 usr/a "a"');
    expect(() => layOut([file, flat], { mergedUsr: true })).toThrow("b 1.0 has /usr/a/x, and /usr/a is a file of a");
    const link = await packageOf("a", "symlink 777 0:0 usr/a -> /etc");
    const owner = await packageOf("c", 'file 644 0:0 etc/x "c"');
    expect(() => layOut([link, owner, file], { mergedUsr: true })).toThrow("both c 1.0 and b 1.0 have /etc/x");
  });
});
