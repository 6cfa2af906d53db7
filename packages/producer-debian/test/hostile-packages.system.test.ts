import { gzipSync } from "node:zlib";
import { type DescribedDeb, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended, folder, gnuLong, member, pax } from "./tar-blocks.ts";
import { createTrial, type OpenArchive, type Trial } from "./trial.ts";

const x = (type: string) => member("x", { type, link: "y" });
const hard = (link: string, more = {}) => member("usr/hard", { type: "1", link, ...more });
const soft = (name: string, link: string) => member(name, { type: "2", link });
const file = (name: string, content = "") => member(name, { content });
const deep = (levels: number) => `${"d/".repeat(levels)}x`;

const packed = (name: string, data: Buffer): DescribedDeb => {
  return { name, data: { name: "data.tar.gz", pack: () => gzipSync(data) } };
};

const REFUSED: readonly (readonly [row: string, what: string, data: Buffer, code: string])[] = [
  ["D1", "an absolute path", ended(file("/etc/x")), "TAR_NAME"],
  ["D1", "two slashes", ended(file("//etc/x")), "TAR_NAME"],
  ["D1", "a path that goes up", ended(file("../x")), "TAR_NAME"],
  ["D1", "a path that goes up behind a dot", ended(file("./../x")), "TAR_NAME"],
  ["D1", "a path that goes up in the middle", ended(file("usr/../../x")), "TAR_NAME"],
  ["D1", "a path that goes up in the end", ended(folder("usr/..")), "TAR_NAME"],
  ["D1", "a path that goes up in a pax record", ended(pax({ path: "../x" }), file("x")), "TAR_NAME"],
  ["D1", "a path that goes up in a GNU name", ended(gnuLong("../x"), file("x")), "TAR_NAME"],
  ["D1", "a path that goes up in its prefix", ended(member("x", { raw: { 345: "../etc" } })), "TAR_NAME"],
  ["D1", "a path for all members", ended(pax({ path: "../x" }, "g"), file("x")), "TAR_AMBIGUOUS"],
  ["D2", "a root that is a file", ended(file("./")), "TAR_NAME"],
  ["D2", "a root that is a link", ended(soft("./", "/etc")), "TAR_NAME"],
  ["D2", "no name", ended(file("")), "TAR_NAME"],
  ["D3", "links in a circle", ended(soft("a", "b"), soft("b", "a"), file("a/x")), "DEBIAN_LINK_LOOP"],
  ["D5", "a hard link that leads out", ended(hard("../../etc/shadow")), "TAR_LINK"],
  ["D5", "a hard link to an absolute path", ended(hard("/etc/shadow")), "TAR_LINK"],
  ["D5", "a hard link to nothing", ended(hard("usr/none")), "ROOTFS_HARDLINK"],
  ["D5", "a hard link to itself", ended(hard("usr/hard")), "ROOTFS_HARDLINK"],
  ["D5", "a hard link to a folder", ended(folder("usr"), hard("usr")), "ROOTFS_HARDLINK"],
  ["D5", "a hard link with content", ended(file("usr/a"), hard("usr/a", { content: "x" })), "TAR_AMBIGUOUS"],
  ["D7", "a contiguous file", ended(x("7")), "TAR_TYPE"],
  ["D7", "a volume label", ended(x("V")), "TAR_TYPE"],
  ["D7", "the rest of a file", ended(x("M")), "TAR_TYPE"],
  ["D7", "an unknown type", ended(x("Z")), "TAR_TYPE"],
  ["D9", "a whiteout", ended(file("usr/.wh.bin")), "DEB_INVALID"],
  ["D9", "an opaque folder", ended(file("usr/.wh..wh..opq")), "DEB_INVALID"],
  ["D9", "a folder of an engine", ended(folder("usr/.wh..wh.plnk")), "DEB_INVALID"],
  ["D10", "a file and a link of one path", ended(file("a", "1"), soft("a", "b")), "DEBIAN_TWO_KINDS"],
  ["D10", "a file and a folder of one path", ended(file("a"), folder("a")), "DEBIAN_TWO_KINDS"],
  ["D14", "a line feed", ended(file("usr/a\nb")), "DEB_INVALID"],
  ["D14", "a carriage return", ended(file("usr/a\rb")), "DEB_INVALID"],
  ["D14", "an escape sequence", ended(file("usr/\x1b[2J")), "DEB_INVALID"],
  ["D15", "a NUL in a pax path", ended(pax({ path: "usr/a\0b" }), file("x")), "TAR_NAME"],
  ["D16", "a name of 256 bytes", ended(pax({ path: "n".repeat(256) }), file("x")), "TAR_NAME"],
  ["D16", "a path of 4,100 bytes", ended(pax({ path: deep(2050) }), file("x")), "TAR_NAME"],
  ["D18", "a size beyond the end", ended(member("x", { raw: { 124: "00000077777\0" } })), "TAR_TRUNCATED"],
  ["D18", "a size that is no number", ended(member("x", { raw: { 124: "0000000x000\0" } })), "TAR_NUMBER"],
  ["D18", "a negative size", ended(member("x", { raw: { 124: "\xff".repeat(12) } })), "TAR_NUMBER"],
  ["D18", "a size of 2^63", ended(pax({ size: "9223372036854775808" }), file("x")), "TAR_NUMBER"],
  ["D19", "a sparse file of GNU's", ended(x("S")), "TAR_TYPE"],
  [
    "D19",
    "a sparse file in pax",
    ended(pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0" }), file("x")),
    "TAR_SPARSE",
  ],
  [
    "D20",
    "a pax header of 2 MiB",
    ended(member("p", { type: "x", content: "x".repeat(2 ** 21) }), file("x")),
    "TAR_EXTENDED_HEADER",
  ],
  ["D20", "a pax record of no length", ended(member("p", { type: "x", content: "0 path=a\n" }), file("x")), "TAR_PAX"],
  [
    "D20",
    "a pax record longer than there is",
    ended(member("p", { type: "x", content: "99 path=a\n" }), file("x")),
    "TAR_PAX",
  ],
  ["D20", "a pax header for nothing", ended(file("x"), pax({ path: "a" })), "TAR_TRUNCATED"],
  ["D21", "two names for one member", ended(pax({ path: "a" }), gnuLong("b"), file("x")), "TAR_AMBIGUOUS"],
  [
    "D21",
    "a pax size for a member with a GNU name",
    ended(pax({ size: "512" }), gnuLong("b"), file("x")),
    "TAR_AMBIGUOUS",
  ],
  ["D22", "no end", file("x"), "TAR_TRUNCATED"],
  ["D22", "nothing", Buffer.alloc(0), "TAR_TRUNCATED"],
  ["D22", "members behind its end", ended(ended(file("a")), file("b")), "TAR_TRAILING_DATA"],
  ["D24", "an owner of 2^32 - 1", ended(pax({ uid: "4294967295" }), file("x")), "TAR_NUMBER"],
  ["D24", "an owner of 2^31", ended(pax({ gid: "2147483648" }), file("x")), "TAR_NUMBER"],
  ["D24", "a negative owner", ended(member("x", { raw: { 108: "\xff".repeat(8) } })), "TAR_NUMBER"],
  ["D25", "a time of 1e20", ended(pax({ mtime: "100000000000000000000" }), file("x")), "TAR_NUMBER"],
];

const UNPACKED: readonly (readonly [row: string, what: string, data: Buffer, lines: readonly string[]])[] = [
  ["D1", "a dot before each name", ended(folder("./usr"), file("././usr/./x", "1")), ['file 644 0:0@5 usr/x "1"']],
  ["D2", "a root of its own", ended(folder("."), file("x")), ['file 644 0:0@5 x ""']],
  ["D3", "a file behind an absolute link", ended(soft("a", "/srv"), file("a/x", "1")), ['file 644 0:0@5 srv/x "1"']],
  [
    "D3",
    "a file behind a link that goes up",
    ended(soft("a", "../../../srv"), file("a/x", "1")),
    ['file 644 0:0@5 srv/x "1"'],
  ],
  [
    "D4",
    "a folder where it has a link",
    ended(soft("a", "b"), folder("a"), file("a/x", "1")),
    ['file 644 0:0@5 b/x "1"', "a -> b"],
  ],
  ["D10", "a path twice, in two spellings", ended(file("a", "1"), file("./a", "2")), ['file 644 0:0@5 a "2"']],
  [
    "D5",
    "a hard link to a link",
    ended(soft("usr/a", "b"), hard("usr/a")),
    ["symlink 644 0:0@5 usr/a -> b", "symlink 644 0:0@5 usr/hard -> b"],
  ],
  [
    "D7",
    "devices and pipes",
    ended(member("x", { type: "3", raw: { 329: "0000001\x000000003\0" } }), member("y", { type: "6" })),
    ["character-device 644 0:0@5 x 1,3", "fifo 644 0:0@5 y"],
  ],
  [
    "D12",
    "names that differ by case or form",
    ended(file("a"), file("A"), file("e\xcc\x81"), file("\xc3\xa9")),
    ['A ""', 'a ""', '"e\xcc\x81" ""', '"\xc3\xa9" ""'].map((name) => `file 644 0:0@5 ${name}`),
  ],
  [
    "D13",
    "names that are no UTF-8",
    ended(file("a\xe9", "1"), file("a\xff", "2")),
    ['file 644 0:0@5 "a\xe9" "1"', 'file 644 0:0@5 "a\xff" "2"'],
  ],
  ["D14", "names for shells", ended(file("-rf", "1"), file("$(id) '\"", "2")), ['file 644 0:0@5 -rf "1"']],
  ["D16", "a path of 1,000 levels", ended(pax({ path: deep(1000) }), file("x", "1")), [`${deep(1000)}" "1"`]],
  [
    "D22",
    "zeros behind its end",
    Buffer.concat([ended(file("x", "1")), Buffer.alloc(10_240)]),
    ['file 644 0:0@5 x "1"'],
  ],
  [
    "D23",
    "a program that changes its user",
    ended(member("x", { mode: 0o6755 }), member("tmp/", { type: "5", mode: 0o1777 })),
    ['file 6755 0:0@5 x ""', "directory 1777 0:0@5 tmp/"],
  ],
  [
    "D23",
    "a capability",
    ended(pax({ "SCHILY.xattr.security.capability": "\x01\x02" }), file("x")),
    ['file 644 0:0@5 x "" {security.capability="\\u0001\\u0002"}'],
  ],
  ["D24", "the last owner there is", ended(pax({ uid: "2147483647" }), file("x")), ['file 644 2147483647:0@5 x ""']],
  [
    "D25",
    "times before 1970, in parts of a second, and in the year 3000",
    ended(pax({ mtime: "-1.5" }), file("x"), pax({ mtime: "32503680000.25" }), file("y")),
    ["x", "y"],
  ],
];

/**
 * What the data archive of a package may hold, on the whole way from the signed index to the tree. The numbers are those of the
 * project's list of threats to archives: names, links, types, sizes.
 */
describe.skipIf(requires("gpg").skip)("a package, although a trusted key signed for it,", () => {
  let trial: Trial;
  /** All rows at once, each as a package of its own. */
  let archive: OpenArchive;
  beforeAll(async () => {
    trial = createTrial();
    const packages = [...REFUSED, ...UNPACKED].map(([, , data], row) => packed(`demo-${row}`, data));
    archive = await trial.open(trial.suite({ packages }), { options: { include: packages.map(({ name }) => name) } });
  });
  afterAll(async () => {
    await archive?.[Symbol.asyncDispose]();
    trial?.[Symbol.dispose]();
  });

  const build = (data: Buffer, more: Partial<DescribedDeb> = {}, others: readonly DescribedDeb[] = []) => {
    const demo = { ...packed("demo", data), ...more };
    const include = ["demo", ...others.map(({ name }) => name)];
    return trial.build(trial.suite({ packages: [demo, ...others] }), { options: { include } });
  };

  test.each(REFUSED.map(([row, what, , code], at) => [row, what, code, `demo-${at}`] as const))(
    "is refused (%s) with %s",
    async (_row, _what, code, name) => {
      const { error, tree } = await archive.produce(archive.only(name));
      expect({ error, tree }).toMatchObject({ error: { code } });
      const { message } = error as Error;
      if (code !== "DEBIAN_LINK_LOOP") expect(message).toContain(name);
      expect(message).not.toMatch(/[^\P{Cc}\n]/u);
      expect(message.length).toBeLessThan(1000);
    },
  );

  test.each(UNPACKED.map(([row, what, , lines], at) => [row, what, lines, `demo-${REFUSED.length + at}`] as const))(
    "is unpacked (%s) with %s",
    async (_row, _what, lines, name) => {
      const { error, tree = "" } = await archive.produce(archive.only(name));
      expect(error).toBeUndefined();
      expect(lines.filter((line) => !tree.includes(line))).toEqual([]);
    },
  );

  test("has its hard links keep what they had when another one replaces the file (D6)", async () => {
    const data = ended(file("usr/a", "old"), member("usr/b", { type: "1", link: "usr/a" }));
    const other = { name: "other", files: { "usr/a": "new" }, fields: ["Replaces: demo"] };
    const { tree, error } = await build(data, {}, [other]);
    expect(error).toBeUndefined();
    expect(tree).toContain('usr/a "new"');
    expect(tree).toContain('usr/b "old"');
  });

  test.each([
    ["usr/x", "usr/x"],
    ["bin/x", "usr/bin/x"],
    ["usr/lib/../lib/x", undefined],
  ])("is refused beside another one that has its file (D11), %s and %s", async (theirs, mine = theirs) => {
    const { error } = await build(ended(file(mine)), {}, [{ name: "other", files: { [theirs]: "x" } }]);
    const code = theirs.includes("..") ? "TAR_NAME" : "DEBIAN_TWO_OWNERS";
    expect(error).toMatchObject({ code, message: expect.stringMatching(/demo/) });
  });

  test.each<[what: string, more: Partial<DescribedDeb>, spoil: (text: string) => string]>([
    ["a name that is an option", {}, (text) => text.replace("Package: demo", "Package: --help")],
    ["a name that is a command", {}, (text) => text.replace("Package: demo", "Package: evil; rm -rf /")],
    ["a name of one letter", {}, (text) => text.replace("Package: demo", "Package: a")],
    ["a version that is a path", {}, (text) => text.replace("Version: 1.0", "Version: ../1")],
    ["another version", {}, (text) => text.replace("Version: 1.0", "Version: 1.1")],
    ["another architecture", {}, (text) => text.replace("Architecture: all", "Architecture: amd64")],
  ])("is refused when its index gives it %s (D27)", async (_, more, spoil) => {
    const described = {
      packages: [{ name: "demo", ...more, data: { name: "data.tar", pack: () => ended(file("x")) } }],
    };
    const { error, tree } = await trial.build(trial.suite({ ...described, spoilIndex: spoil }));
    expect({ error, tree }).toMatchObject({ error: { kind: expect.stringMatching(/verification|usage/) } });
  });

  test.each<[what: string, scripts: Record<string, string>, code: string]>([
    ["another package's description", { control: "Package: bash\nVersion: 1.0\nArchitecture: all\n" }, "DEB_INVALID"],
    [
      "a description that says a field twice",
      { control: "Package: demo\npackage: x\nVersion: 1.0\nArchitecture: all\n" },
      "DEB_INVALID",
    ],
    ["a description that is none", { control: "\x7fELF" }, "DEB_INVALID"],
    ["a script in a folder", { "../postinst": "x" }, "TAR_NAME"],
    ["a script whose name is an option", { "-rf": "x" }, "DEB_INVALID"],
    ["a trigger that is a path", { triggers: "interest ../../etc/x\n" }, "DEB_INVALID"],
  ])("is refused when its control archive has %s (D26, D27)", async (_, scripts, code) => {
    const { error, tree } = await build(ended(file("x")), { scripts });
    expect({ error, tree }).toMatchObject({ error: { code, message: expect.stringContaining("demo") } });
  });
});
