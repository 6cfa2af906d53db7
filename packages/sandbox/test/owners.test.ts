import type { ByteString } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";
import { expect, test } from "vitest";
import { ownersAfter } from "../src/owners.ts";

const before = entriesFromText('file 640 0:42 etc/secret "s"\ndirectory 2775 0:8 var\nfile 644 0:0 etc/a "a"');
const inodes = (numbers: Readonly<Record<string, string>>) =>
  new Map(Object.entries(numbers)) as Map<ByteString, string>;
const was = inodes({ "etc/secret": "1", var: "2", "etc/a": "3" });

test.each([
  ["is remembered", "etc/secret", "1", "", "0:42"],
  ["goes with a file that was renamed", "etc/moved", "1", "", "0:42"],
  ["stays with a name whose file was written anew", "etc/secret", "9", "", "0:42"],
  ["stays with a name unless it is said of the new file", "etc/secret", "9", "9 0 0\n", "0:0"],
  ["does not stay with a name that another file of before has now", "etc/secret", "3", "", "0:0"],
  ["is changed in part", "etc/secret", "1", "1 7 -\n", "7:42"],
  ["is what was said last", "etc/secret", "1", "1 7 7\n1 0 -\n", "0:7"],
  ["of a file in a setgid directory is the directory's group", "var/new", "9", "", "0:8"],
  ["of that directory may have changed", "var/new", "9", "2 5 6\n", "0:6"],
  ["is no word of a script", "etc/a", "3", "3 x y\n; rm\n3 -1 0\n", "0:0"],
])("an owner %s", (_, path, inode, log, expected) => {
  const is = inodes({ ...Object.fromEntries(was), [path]: inode });
  const { uid, gid } = ownersAfter(before, { was, is, log })(path as ByteString);
  expect(`${uid}:${gid}`).toBe(expected);
});
