import type { Segment } from "@base-kit/core";
import { entriesFromText, textFromEntries } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { mergedEntries } from "../src/index.ts";

function segment(text: string, origin = "base"): Segment {
  const entries = entriesFromText(text);
  return { key: origin, origin, entries: () => entries };
}

async function merged(...segments: readonly Segment[]): Promise<readonly string[]> {
  return (await textFromEntries(mergedEntries({ segments }))).split("\n");
}

describe("the tree of all segments", () => {
  test("is sorted name by name, whatever order the entries come in", async () => {
    const text = ["file 644 0:0 a.b", "directory 755 0:0 a", "file 644 0:0 a/z", "file 644 0:0 a-b"].join("\n");
    expect((await merged(segment(text))).map((line) => line.split(" ")[3])).toEqual(["a/", "a/z", "a-b", "a.b"]);
  });

  test.each([
    ["a relative link", "symlink 777 0:0 lib -> usr/lib"],
    ["an absolute link", "symlink 777 0:0 lib -> /usr/lib"],
    ["a link that tries to lead out", "symlink 777 0:0 lib -> ../../../usr/lib"],
    ["a chain of links", "symlink 777 0:0 lib -> l2\nsymlink 777 0:0 l2 -> usr/./lib/"],
  ])("follows %s inside the root", async (_what, links) => {
    const lines = await merged(
      segment(`directory 755 0:0 usr\ndirectory 755 0:0 usr/lib\n${links}\nfile 644 0:0 lib/x "y"`),
    );
    expect(lines).toContain('file 644 0:0 usr/lib/x "y"');
    expect(lines.filter((line) => line.includes(" lib/x"))).toEqual([]);
  });

  test("makes the directories nobody listed", async () => {
    expect(await merged(segment('file 644 0:0 a/b/c "x"'))).toEqual([
      "directory 755 0:0 a/",
      "directory 755 0:0 a/b/",
      'file 644 0:0 a/b/c "x"',
    ]);
  });

  test("takes the later of two entries of one type within a segment", async () => {
    expect(await merged(segment('file 644 0:0 a "old"\nfile 600 1:1 a "new"'))).toEqual(['file 600 1:1 a "new"']);
  });

  test("keeps a link to a directory where a directory comes, as dpkg does", async () => {
    const base = segment("directory 755 0:0 usr\ndirectory 755 0:0 usr/bin\nsymlink 777 0:0 bin -> usr/bin");
    const lines = await merged(base, segment('directory 755 0:0 bin\nfile 755 0:0 bin/sh "#!"', "dash"));
    expect(lines).toEqual([
      "symlink 777 0:0 bin -> usr/bin",
      "directory 755 0:0 usr/",
      "directory 755 0:0 usr/bin/",
      'file 755 0:0 usr/bin/sh "#!"',
    ]);
  });

  test("links to the first name in the sorted order, whichever came first", async () => {
    expect(await merged(segment('file 4755 0:0 z "same"\nhardlink 644 0:0 m => z\nhardlink 644 0:0 a => m'))).toEqual([
      'file 4755 0:0 a "same"',
      "hardlink 4755 0:0 m => a",
      "hardlink 4755 0:0 z => a",
    ]);
  });

  test("keeps what a hard link shares when the first name gets another file", async () => {
    const lines = await merged(segment('file 644 0:0 a "old"\nhardlink 644 0:0 b => a\nfile 644 0:0 a "new"'));
    expect(lines).toEqual(['file 644 0:0 a "new"', 'file 644 0:0 b "old"']);
  });

  test("writes a hard link to a symbolic link as that link again", async () => {
    expect(await merged(segment("symlink 777 0:0 a -> x\nhardlink 777 0:0 b => a"))).toEqual([
      "symlink 777 0:0 a -> x",
      "symlink 777 0:0 b -> x",
    ]);
  });
});

describe("a root filesystem is refused, naming path and owner", () => {
  test.each([
    ["a deletion mark", 'file 644 0:0 etc/.wh.passwd ""', "ROOTFS_WHITEOUT", "(base) at /etc/.wh.passwd"],
    [
      "links in a circle",
      "symlink 777 0:0 a -> b\nsymlink 777 0:0 b -> a\nfile 644 0:0 a/x",
      "ROOTFS_LINK_LOOP",
      "at /a/x",
    ],
    [
      "a file where a directory is",
      "directory 755 0:0 a\nfile 644 0:0 a",
      "ROOTFS_CONFLICT",
      "as directory and as file",
    ],
    [
      "a file as a directory",
      'file 644 0:0 a "x"\nfile 644 0:0 a/b "y"',
      "ROOTFS_CONFLICT",
      "/a is a file, expected a directory",
    ],
    [
      "a hard link to nothing",
      "hardlink 644 0:0 a => b",
      "ROOTFS_HARDLINK",
      "hard link to /b, which does not come before it",
    ],
    ["a hard link to itself", "hardlink 644 0:0 a => a", "ROOTFS_HARDLINK", "at /a"],
    [
      "a hard link to a directory",
      "directory 755 0:0 d\nhardlink 644 0:0 a => d",
      "ROOTFS_HARDLINK",
      "which is a directory",
    ],
  ])("%s", (_what, text, code, message) => {
    expect(() => mergedEntries({ segments: [segment(text)] })).toThrow(
      expect.objectContaining({ code, kind: "unsupported", message: expect.stringContaining(message) }),
    );
  });

  test("two packages with one file", () => {
    const segments = [segment('file 644 0:0 etc/x "1"', "one"), segment('file 644 0:0 etc/x "2"', "two")];
    expect(() => mergedEntries({ segments })).toThrow(
      "refusing the root filesystem (two) at /etc/x: both one (file) and two (file) have it",
    );
  });
});
