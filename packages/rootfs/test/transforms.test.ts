import { execFileSync } from "node:child_process";
import { type ByteString, bytesFromText, type Rootfs } from "@base-kit/core";
import { entriesFromText, textFromEntries } from "@base-kit/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileGlob } from "../src/glob.ts";
import {
  addEntries,
  applyTransforms,
  clampTimes,
  directoryEntry,
  dropDevices,
  emptyPseudoFilesystems,
  excludePaths,
  fileEntry,
  mergedEntries,
  readTextFile,
  removePaths,
  type Transform,
} from "../src/index.ts";

/** Any character; fast-check's own unit "binary" takes seconds to list them all. */
const character = fc
  .nat(0x10ffff)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

function rootfs(text: string): Rootfs {
  const entries = entriesFromText(text);
  const segments = [{ key: "k", origin: "base", entries: () => entries }];
  return { platform: { os: "linux", architecture: "amd64" }, osRelease: {}, packages: [], segments, runtime: {} };
}

async function after(text: string, ...transforms: readonly Transform[]): Promise<readonly string[]> {
  const lines = (await textFromEntries(mergedEntries(applyTransforms(rootfs(text), transforms)))).split("\n");
  return lines.filter((line) => line !== "");
}

const DOC = [
  "directory 755 0:0 usr",
  "directory 755 0:0 usr/share",
  "directory 755 0:0 usr/share/doc",
  "directory 755 0:0 usr/share/doc/bash",
  'file 644 0:0 usr/share/doc/bash/README "r"',
  'file 644 0:0 usr/share/doc/bash/copyright "c"',
  "directory 755 0:0 usr/share/man",
  "directory 755 0:0 usr/share/man/man1",
  'file 644 0:0 usr/share/man/man1/ls.1.gz "m"',
].join("\n");

describe("excludePaths", () => {
  test("leaves out what dpkg would, and keeps the directories an include needs", async () => {
    const rules = { exclude: ["/usr/share/doc/*", "/usr/share/man/*"], include: ["/usr/share/doc/*/copyright"] };
    expect(await after(DOC, excludePaths(rules))).toEqual([
      "directory 755 0:0 usr/",
      "directory 755 0:0 usr/share/",
      "directory 755 0:0 usr/share/doc/",
      "directory 755 0:0 usr/share/doc/bash/",
      'file 644 0:0 usr/share/doc/bash/copyright "c"',
      "directory 755 0:0 usr/share/man/",
    ]);
  });

  test("makes a file of the first link that stays when the file itself goes", async () => {
    const text = 'file 755 0:0 a/one "x"\nhardlink 755 0:0 b/two => a/one\nhardlink 755 0:0 c/three => a/one';
    const lines = await after(text, excludePaths({ exclude: ["/a/*"] }));
    expect(lines.filter((line) => !line.startsWith("directory"))).toEqual([
      'file 755 0:0 b/two "x"',
      "hardlink 755 0:0 c/three => b/two",
    ]);
  });

  test("makes a file of a later link also when links link to links", async () => {
    const text = 'file 755 0:0 a/one "x"\nhardlink 755 0:0 a/two => a/one\nhardlink 755 0:0 c/three => a/two';
    const lines = await after(text, excludePaths({ exclude: ["/a/*"] }));
    expect(lines.filter((line) => !line.startsWith("directory"))).toEqual(['file 755 0:0 c/three "x"']);
  });
});

describe("patterns", () => {
  // A shell's case patterns are fnmatch without flags, too.
  test.each([
    ["/a/*", "/a/b/c"],
    ["/a/?", "/a/b"],
    ["/a?b", "/a/b"],
    ["/[ab]x", "/bx"],
    ["/[!ab]x", "/bx"],
    ["/[!ab]x", "/cx"],
    ["/[]]x", "/]x"],
    ["/[a-c]*", "/bcd"],
    ["/\\*", "/*"],
    ["/\\*", "/a"],
    ["/a.b", "/axb"],
    ["/a+", "/aa"],
    ["/[ab", "/[ab"],
    ["/{a,b}", "/a"],
    ["/*/doc", "/usr/share/doc"],
    ["/usr*doc", "/usr/share/doc"],
    ["/a*", "/a\nb"],
  ])("%s on %j is what the shell says", (pattern, path) => {
    const script = 'case "$1" in $2) echo yes;; *) echo no;; esac';
    const expected = execFileSync("sh", ["-c", script, "sh", path, pattern], { encoding: "utf8" }).trim();
    expect(compileGlob(bytesFromText(pattern)).test(path) ? "yes" : "no").toBe(expected);
  });

  test("of any characters compile, and a pattern without wildcards matches itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 40 }), (text) => {
        const bytes = bytesFromText(text);
        expect(() => compileGlob(bytes)).not.toThrow();
        const literal = bytes.replace(/[*?[\\]/g, "\\$&") as ByteString;
        expect(compileGlob(literal).test(bytes)).toBe(true);
      }),
    );
  });
});

test("addEntries replaces what is at the same place, also through a linked directory", async () => {
  const text =
    'directory 755 0:0 usr\ndirectory 755 0:0 usr/bin\nsymlink 777 0:0 bin -> usr/bin\nfile 755 0:0 usr/bin/a "old"';
  expect(await after(text, addEntries([fileEntry("bin/a", "new", { mode: 0o700 })], "kit"))).toEqual([
    "symlink 777 0:0 bin -> usr/bin",
    "directory 755 0:0 usr/",
    "directory 755 0:0 usr/bin/",
    'file 700 0:0 usr/bin/a "new"',
  ]);
});

test("removePaths takes a path and all below it, but nothing that only begins alike", async () => {
  const lines = await after(DOC, removePaths(["/usr/share/doc", "usr/share/ma"]));
  expect(lines.some((line) => line.includes("share/doc"))).toBe(false);
  expect(lines.some((line) => line.includes("man1/ls.1.gz"))).toBe(true);
});

test("clampTimes changes only what is newer", async () => {
  expect(await after('file 644 0:0@5 old "o"\nfile 644 0:0@500 young "y"', clampTimes(100))).toEqual([
    'file 644 0:0@5 old "o"',
    'file 644 0:0@100 young "y"',
  ]);
});

test("emptyPseudoFilesystems and dropDevices leave the directories", async () => {
  const text =
    "directory 755 0:0 dev\ncharacter-device 666 0:0 dev/null 1,3\ndirectory 555 0:0 proc\nfile 444 0:0 proc/1\nfile 644 0:0 device";
  expect(await after(text, emptyPseudoFilesystems())).toEqual([
    "directory 755 0:0 dev/",
    'file 644 0:0 device ""',
    "directory 555 0:0 proc/",
  ]);
  expect(await after(text, dropDevices())).toHaveLength(4);
});

test("a segment that a transform changes gets a key of its own, by transform and parameters", () => {
  const before = rootfs(
    'file 644 0:0@9 a "x"\ncharacter-device 666 0:0@9 null 1,3\nfile 644 0:0@9 b "y"\nfile 644 0:0@9 c "z"',
  );
  const transforms = [
    clampTimes(1),
    clampTimes(2),
    dropDevices(),
    removePaths(["b"]),
    excludePaths({ exclude: ["/c"] }),
  ];
  const keys = transforms.map((transform) => transform(before).segments[0]?.key);
  expect(new Set(["k", ...keys]).size).toBe(transforms.length + 1);
  expect(transforms.map((transform) => transform(before).segments[0]?.key)).toEqual(keys);
});

test("a segment that a transform finds nothing to change in stays as it is", () => {
  const before = rootfs('file 644 0:0 a "x"');
  const transforms = [
    clampTimes(1),
    dropDevices(),
    removePaths(["b"]),
    excludePaths({ exclude: ["/c"] }),
    emptyPseudoFilesystems(),
  ];
  expect(applyTransforms(before, transforms).segments[0]).toBe(before.segments[0]);
});

test("addEntries one after the other gives the tree that is made of the segments at once", () => {
  const base = rootfs("directory 700 0:0 usr\ndirectory 755 0:0 usr/bin\nsymlink 777 0:0 bin -> usr/bin");
  const grown = applyTransforms(base, [
    addEntries([fileEntry("bin/a", "1"), fileEntry("new/deep/b", "2")], "one"),
    addEntries([directoryEntry("usr", { mode: 0o711 }), fileEntry("bin/a", "3"), fileEntry("usr/bin/c", "4")], "two"),
    addEntries([fileEntry("etc/d", "5")], "three"),
  ]);
  expect(mergedEntries(grown)).toEqual(mergedEntries({ segments: [...grown.segments] }));
  expect(mergedEntries(base)).toHaveLength(3);
});

test("addEntries leaves the key of a segment that loses nothing", () => {
  const [base, added] = addEntries([fileEntry("new", "x")], "kit")(rootfs('file 644 0:0 a "x"')).segments;
  expect(base?.key).toBe("k");
  expect(added?.origin).toBe("kit");
});

test("a text is read through links and hard links", async () => {
  const text =
    'file 644 0:0 usr/lib/os-release "ID=x\\n"\nsymlink 777 0:0 etc/os-release -> ../usr/lib/os-release\nhardlink 644 0:0 again => usr/lib/os-release';
  expect(await readTextFile(rootfs(text), "etc/os-release")).toBe("ID=x\n");
  expect(await readTextFile(rootfs(text), "again")).toBe("ID=x\n");
  expect(await readTextFile(rootfs(text), "etc")).toBeUndefined();
  expect(await readTextFile(rootfs(text), "etc/os-release/x")).toBeUndefined();
});
