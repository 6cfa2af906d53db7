import type { Rootfs } from "@base-kit/core";
import { addEntries, fileEntry } from "@base-kit/rootfs";
import { expect, test } from "vitest";
import { asOneSegment } from "../src/one-segment.ts";
import { linesOf, rootfsOf } from "./tree.ts";

const TREE = 'directory 755 0:0 etc\nfile 644 0:0 etc/a "a"\nfile 644 0:0 etc/b "b"';

async function keyOf(rootfs: Rootfs): Promise<string | undefined> {
  return (await asOneSegment(rootfs)).segments[0]?.key;
}

test("the tree stays as it is, in one segment", async () => {
  const rootfs = addEntries([fileEntry("etc/b", "new"), fileEntry("etc/c", "c")], "x")(rootfsOf(TREE));
  const one = await asOneSegment(rootfs);
  expect(one.segments).toHaveLength(1);
  expect(await linesOf(one, { directories: true })).toEqual(await linesOf(rootfs, { directories: true }));
});

test("equal trees have equal keys, however they came to be", async () => {
  const changed = addEntries([fileEntry("etc/b", "b")], "x")(rootfsOf(TREE.replace('"b"', '"before"')));
  expect(await keyOf(changed)).toBe(await keyOf(rootfsOf(TREE)));
});

test.each([
  ["content", TREE.replace('"a"', '"A"')],
  ["mode", TREE.replace("644", "600")],
  ["owner", TREE.replace("644 0:0", "644 0:1")],
  ["time", TREE.replace("644 0:0", "644 0:0@7")],
  ["name", TREE.replace("etc/b", "etc/d")],
  ["attributes", `${TREE} {user.a="x"}`],
  ["place of a border between two files", TREE.replace('"a"', '"ab"').replace('"b"', '""')],
])("another %s gives another key", async (_, text) => {
  expect(await keyOf(rootfsOf(text))).not.toBe(await keyOf(rootfsOf(TREE)));
});
