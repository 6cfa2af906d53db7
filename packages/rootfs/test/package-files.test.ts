import type { Segment } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { parseCopyright } from "../src/databases/copyright.ts";
import { mergedEntries, packageFiles, withLicences } from "../src/index.ts";

function rootfsOf(text: string) {
  const segment: Segment = { key: "k", origin: "base", entries: () => entriesFromText(text) };
  return { segments: [segment] };
}

async function ownersOf(text: string): Promise<Record<string, string>> {
  const rootfs = rootfsOf(text);
  return Object.fromEntries(await packageFiles(rootfs, mergedEntries(rootfs)));
}

describe("whose a file is", () => {
  test("is told by dpkg's lists, also through the links of a merged /usr", async () => {
    const owners = await ownersOf(`
      symlink 777 0:0 bin -> usr/bin
      file 755 0:0 usr/bin/ls "ls"
      file 644 0:0 var/lib/dpkg/info/coreutils.list "/.\\n/bin\\n/bin/ls\\n"
      file 644 0:0 var/lib/dpkg/info/libc6:amd64.list "/lib/libc.so.6\\n"
      file 644 0:0 var/lib/dpkg/info/libc6:amd64.md5sums "x"
    `);
    expect(owners).toMatchObject({ "usr/bin/ls": "coreutils", "lib/libc.so.6": "libc6" });
  });

  test("is told by apk's database", async () => {
    const database = "P:musl\\nV:1\\nF:lib\\nR:ld-musl.so.1\\nF:\\nR:top\\n\\nP:busybox\\nF:bin\\nR:busybox\\n";
    expect(await ownersOf(`file 644 0:0 lib/apk/db/installed "${database}"`)).toEqual({
      "lib/ld-musl.so.1": "musl",
      top: "musl",
      "bin/busybox": "busybox",
    });
  });

  test("is told by nobody where there is no database", async () => {
    expect(await ownersOf('file 644 0:0 a "a"')).toEqual({});
  });
});

const FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n";

describe("debian/copyright", () => {
  test.each([
    ["one licence", "Files: *\nCopyright: me\nLicense: GPL-2+\n full text\n", "GPL-2+"],
    [
      "several",
      "Files: *\nLicense: Expat\n\nFiles: debian/*\nLicense: GPL-2+ or Artistic\n",
      "Expat AND (GPL-2+ or Artistic)",
    ],
    [
      "a licence's own paragraph",
      "Files: *\nLicense: Zlib\n\nLicense: Zlib\n text\n\nLicense: Unused\n text\n",
      "Zlib",
    ],
    ["none", "Files: *\nCopyright: me\n", undefined],
  ])("with %s", (_, text, expected) => {
    expect(parseCopyright(FORMAT + text)).toBe(expected);
    expect(parseCopyright((FORMAT + text).replaceAll("\n", "\r\n"))).toBe(expected);
  });

  test("of the older, free form says nothing", () => {
    expect(parseCopyright("This package was debianized by me.\n\nFiles: *\nLicense: GPL\n")).toBeUndefined();
  });

  test("is read where the database names no licence, through the link to another package's folder", async () => {
    const text = JSON.stringify(`${FORMAT}Files: *\nLicense: Expat\n`);
    const packages = ["one", "two", "three"].map((name) => ({ name, version: "1", architecture: "all" }));
    const rootfs = rootfsOf(`
      file 644 0:0 usr/share/doc/one/copyright ${text}
      symlink 777 0:0 usr/share/doc/two -> one
    `);
    const known = { ...(packages[0] as (typeof packages)[0]), licence: "Zlib" };
    const licences = await withLicences({ ...rootfs, packages: [...packages, known] });
    expect(licences.map(({ licence }) => licence)).toEqual(["Expat", "Expat", undefined, "Zlib"]);
  });
});
