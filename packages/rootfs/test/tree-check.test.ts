import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteString, Entry, Segment } from "@base-kit/core";
import { repackTarFile, type TarFile, tarFile, writeTar } from "@base-kit/tar";
import { readContent } from "@base-kit/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findEntry, isSameTree, mergedEntries } from "../src/index.ts";
import { treeCheck } from "../src/tree-check.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("an archive is known to be a tree", () => {
  test("only when merging changes nothing, and always for what merging makes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry(), { maxLength: 9 }), fc.boolean(), async (listed, isMerged) => {
        const unmerged = [ROOT, ...listed];
        const merged = merge(unmerged);
        const entries = isMerged ? (merged ?? unmerged) : unmerged;
        const { tree, segment } = await checked(entries);
        const read = [...segment.entries()];
        const again = merge(read);
        const isRight = again !== undefined && isSameTree(read, again);
        if (tree !== undefined) expect(isRight).toBe(true);
        // Hard links to others than files are not worth knowing.
        const isPlain = entries.every(({ type }) => type !== "fifo");
        if (isMerged && isRight && isPlain) expect(tree).toBeDefined();
        if (tree === undefined) return;
        const times = entries.map(({ mtime }) => mtime);
        const size = entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
        expect(tree).toMatchObject({ count: entries.length, newest: Math.max(0, ...times), size });
      }),
      { numRuns: Number(process.env["BASE_KIT_RANDOM_CASES"] ?? 300) },
    );
  });

  test.each([
    [1, 2, 0],
    [20, 0, 1],
  ])("of %d hard links %d entries are made alone, and %d times all", async (count, alone, all) => {
    const names = Array.from({ length: 20 }, (_, at) => `${at + 100}`);
    const links = Array.from({ length: count }, (_, at) => `x${at + 100} => ${at + 100}`);
    const { check, file } = await checked(["/", ...names, ...links].map(entryOf));
    const made = { alone: 0, all: 0 };
    const counted: TarFile = {
      entryAt: (position) => {
        made.alone += 1;
        return file.entryAt(position);
      },
      entries: () => {
        made.all += 1;
        return file.entries();
      },
    };
    expect(check.tree(counted)).toBeDefined();
    expect(made).toEqual({ alone, all });
  });

  test("and then a path leads where it leads in the tree", async () => {
    const { segment, tree } = await checked(LINKED.map(entryOf));
    expect(tree).toBeDefined();
    const { tree: _, ...unknown } = segment;
    const names = [
      "",
      "usr",
      "bin/sh",
      "usr/bin/sh",
      "bin/again",
      "lib/deep",
      "up/bin/sh",
      "bin",
      "missing",
      "bin/sh/x",
    ];
    for (const name of [...names, "lost", "etc/../bin/sh", "usr/bin/../bin/again"]) {
      const [quick, slow] = [segment, unknown].map((each) => findEntry({ segments: [each] }, name as ByteString));
      expect([name, quick?.path, quick?.type]).toEqual([name, slow?.path, slow?.type]);
    }
    expect(findEntry({ segments: [segment] }, "bin/again" as ByteString)).toMatchObject({ path: "usr/bin/again" });
    for (const each of [segment, unknown]) {
      expect(() => findEntry({ segments: [each] }, "round/x" as ByteString)).toThrow(/lead in a circle/);
    }
  });

  test.each([
    ["nothing", []],
    ["no root", ["a"]],
    ["a folder that is not listed", ["/", "a/b"]],
    ["another order", ["/", "b", "a"]],
    ["an order in which slashes are letters", ["/", "a/", "a-b", "a/b"]],
    ["a path twice", ["/", "a", "a"]],
    ["a second root", ["/", "/"]],
    ["something in a file", ["/", "a", "a/b"]],
    ["something in a link", ["/", "a/", "b -> a", "b/c"]],
    ["a deletion mark", ["/", "a/", "a/.wh.b"]],
    ["a hard link to nothing", ["/", "a => b"]],
    ["a hard link to a file behind it", ["/", "a => b", "b"]],
    ["a hard link to a symbolic link", ["/", "a -> x", "b => a"]],
    ["a hard link to a folder", ["/", "a/", "b => a"]],
    ["a hard link that has another owner", ["/", "a", "b => a 7"]],
  ])("but not with %s", async (_, lines) => {
    expect((await checked(lines.map(entryOf))).tree).toBeUndefined();
  });
});

const METADATA = { mode: 0o755, uid: 0, gid: 0, mtime: 100 };
const ROOT: Entry = { type: "directory", path: "" as ByteString, ...METADATA };

/** `a` a file, `a/` a directory, `a -> b` a symbolic and `a => b` a hard link; a number at the end owns it. */
function entryOf(line: string): Entry {
  const [, name = "", kind, target = "", owner = "0"] = /^(\S+)(?: ([-=]>) (\S+)(?: (\d+))?)?$/.exec(line) ?? [];
  const path = name.replace(/\/$/, "") as ByteString;
  const metadata = { ...METADATA, path, uid: Number(owner) };
  if (kind === "->") return { ...metadata, type: "symlink", target: target as ByteString };
  if (kind === "=>") return { ...metadata, type: "hardlink", target: target as ByteString };
  if (name.endsWith("/")) return { ...metadata, type: "directory" };
  return { ...metadata, type: "file", size: 3, content: () => [Buffer.from("abc")] };
}

const LINKED = [
  ...["/", "bin -> usr/bin", "etc/", "lib -> ./usr//lib/", "lost -> /nowhere/at/all"],
  ...["round -> /turn", "turn -> round", "up -> ../../usr/..", "usr/", "usr/bin/", "usr/bin/again"],
  ...["usr/bin/sh => usr/bin/again", "usr/lib/", "usr/lib/deep -> ../bin/sh"],
];

async function checked(entries: readonly Entry[]) {
  const path = join(folder, "a.tar");
  writeFileSync(path, await readContent(writeTar(entries)));
  const check = treeCheck();
  await repackTarFile(path, { name: "a", onEntry: check.see });
  expect(check.count()).toBe(entries.length);
  const file = tarFile(path);
  const tree = check.tree(file);
  const segment: Segment = {
    key: "a",
    origin: "a",
    entries: file.entries,
    ...(tree === undefined ? {} : { tree }),
  };
  return { check, file, tree, segment };
}

/** As one segment; undefined when that is refused. */
function merge(entries: readonly Entry[]): Entry[] | undefined {
  try {
    return mergedEntries({ segments: [{ key: "", origin: "", entries: () => entries }] });
  } catch {
    return undefined;
  }
}

/** Of a few names that stand in each other's way. */
function anyEntry(): fc.Arbitrary<Entry> {
  const name = fc.constantFrom("a", "b", "a-", "a.b", ".c", "\xe9", ".wh.a", "n".repeat(101));
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/") as ByteString);
  const times = fc.constantFrom(-1, 0, 100, 8 ** 11);
  const metadata = { path, mode: fc.constantFrom(0o644, 0o755), uid: fc.nat(1), gid: fc.constant(0), mtime: times };
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.record({ ...metadata, type: fc.constant("directory" as const) }) },
      { weight: 3, arbitrary: fc.record({ ...metadata, type: fc.constant("file" as const), size: fc.nat(2000) }) },
      fc.record({ ...metadata, type: fc.constant("symlink" as const), target: path }),
      fc.record({ ...metadata, type: fc.constant("hardlink" as const), target: path }),
      fc.record({ ...metadata, type: fc.constant("fifo" as const) }),
    )
    .map((entry) => (entry.type === "file" ? { ...entry, content: () => [Buffer.alloc(entry.size)] } : entry));
}
