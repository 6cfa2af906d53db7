import { createPublicKey } from "node:crypto";
import { bytesFromText } from "@base-kit/core";
import { type DescribedApk, makeApk, newApkKey } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { parseInstalled } from "../src/apk/installed-database.ts";
import { readApk } from "../src/apk/package-file.ts";
import { layOut, type NewPackage } from "../src/install/lay-out.ts";

const key = newApkKey();
const keys = new Map([[key.name, createPublicKey(key.publicPem)]]);
const NO_ACCOUNTS = { users: new Map<string, number>(), groups: new Map<string, number>() };

/** A system with one package, `there`, whose are `usr/bin/tool` and `etc/tool.conf`; nobody owns `etc/free` and `usr/bin/free`. */
const INSTALLED = `C:Q1${"A".repeat(27)}=\nP:there\nV:1.0-r0\nA:x86_64\n`;
const FILES = "F:usr/bin\nR:tool\nF:etc\nR:tool.conf\n";
const PATHS = ["etc", "etc/free", "etc/tool.conf", "usr", "usr/bin", "usr/bin/free", "usr/bin/tool"];
// printf same | openssl sha1 -binary | base64
const SAME = "Q1/zOQVXM1uojTd1XkFRS+sDvEmew=";

function opened(described: DescribedApk): NewPackage {
  const { bytes, checksum } = makeApk(described, key);
  const expected = { name: described.name, version: "1.0-r0", architecture: "x86_64", checksum };
  const { contents } = readApk(bytes, { file: "new.apk", keys, expected, limit: 2 ** 20 });
  return { contents, architecture: "x86_64", checksum, size: bytes.length, sha256: "", content: () => [] };
}

function laidOut(described: Omit<DescribedApk, "name">, { installed = "" } = {}) {
  const base = {
    installed: parseInstalled(bytesFromText(`${INSTALLED}${installed}${FILES}\n`)),
    paths: new Set(PATHS),
    settings: new Map([["etc/free", SAME]]),
  };
  const { files, lost, replaced } = layOut([opened({ name: "new", ...described })], base, NO_ACCOUNTS);
  const paths = [...files.values()].flatMap((entries) => entries.map(({ path }) => path as string));
  return { paths, replaced: [...replaced], lost: [...lost].map(([name, each]) => `${name} ${[...each]}`) };
}

describe("where there is a file already", () => {
  const tool = { files: { "usr/bin/tool": "x" } };

  test("of another package the new one is refused, with both names", () => {
    expect(() => laidOut(tool)).toThrow(
      expect.objectContaining({
        code: "APK_TWO_OWNERS",
        message: expect.stringContaining("both there-1.0-r0 and new-1.0-r0 have /usr/bin/tool"),
      }),
    );
  });

  test.each<[string, Parameters<typeof laidOut>, ReturnType<typeof laidOut>]>([
    [
      "of a package that it replaces it comes in its place",
      [{ ...tool, info: ["replaces = there"] }],
      { paths: ["usr/bin/tool"], replaced: ["usr/bin/tool"], lost: ["there usr/bin/tool"] },
    ],
    [
      "of a package that it replaces in this version, too",
      [{ ...tool, info: ["replaces = there<2"] }],
      { paths: ["usr/bin/tool"], replaced: ["usr/bin/tool"], lost: ["there usr/bin/tool"] },
    ],
    [
      "of a package that replaces it the old one stays",
      [tool, { installed: "r:new\nq:5\n" }],
      { paths: [], replaced: [], lost: ["new usr/bin/tool"] },
    ],
    [
      "of a package of the same source it comes in its place",
      [{ ...tool, origin: "source" }, { installed: "o:source\n" }],
      { paths: ["usr/bin/tool"], replaced: ["usr/bin/tool"], lost: ["there usr/bin/tool"] },
    ],
    [
      "of nobody it comes in its place",
      [{ files: { "usr/bin/free": "x" } }],
      { paths: ["usr/bin/free"], replaced: ["usr/bin/free"], lost: [] },
    ],
    [
      "of nobody in /etc it comes beside it",
      [{ files: { "etc/free": "x" } }],
      { paths: ["etc/free.apk-new"], replaced: [], lost: [] },
    ],
    [
      "that is the same in /etc nothing comes",
      [{ files: { "etc/free": "same" } }],
      { paths: [], replaced: [], lost: [] },
    ],
  ])("%s", (_, given, expected) => {
    expect(laidOut(...given)).toEqual(expected);
  });

  test("of a package that it replaces in another version it is refused", () => {
    expect(() => laidOut({ ...tool, info: ["replaces = there>2"] })).toThrow(
      expect.objectContaining({ code: "APK_TWO_OWNERS" }),
    );
  });
});
