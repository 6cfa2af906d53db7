import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { CONTROL, contentsOf, rawTar, readPackage } from "../deb-bytes.ts";

const control = (more: string) => `file 644 0:0@5 control ${JSON.stringify(CONTROL)}\n${more}`;

describe("what a package brings", async () => {
  const { control: controlTar } = await contentsOf();

  test("is told member by member, in its order, with the place of each content", async () => {
    const data = [
      "directory 755 0:0 ./",
      'file 4755 0:42@7 usr/bin/b "bytes" {security.capability="\\u0001\\u0000"}',
      "symlink 777 0:0 usr/bin/a -> b",
      "hardlink 4755 0:42@7 usr/bin/c => usr/bin/b",
      "character-device 666 0:0 dev/null 1,3",
      "fifo 600 0:0 run/pipe",
    ].join("\n");
    const contents = await contentsOf({ data });
    const { members } = readPackage(contents, "demo.deb");
    expect(members.map(({ type, path }) => `${type} ${path}`)).toEqual([
      "directory ",
      "file usr/bin/b",
      "symlink usr/bin/a",
      "hardlink usr/bin/c",
      "character-device dev/null",
      "fifo run/pipe",
    ]);
    const [, file, link, hard, device] = members;
    expect(file).toMatchObject({
      mode: 0o4755,
      uid: 0,
      gid: 42,
      mtime: 7,
      size: 5,
      xattrs: { "security.capability": "AQA=" },
    });
    expect(contents.data.toString("latin1", file?.offset, (file?.offset ?? 0) + 5)).toBe("bytes");
    expect([link?.target, hard?.target, device?.major, device?.minor]).toEqual(["b", "usr/bin/b", 1, 3]);
  });

  test("may have names of any letters, whatever their bytes mean elsewhere", () => {
    const names = ["Főtanúsítvány", "À", "\u0301e", "日本"].map((name) => Buffer.from(name).toString("latin1"));
    for (const name of [...names, "\x80\xff"]) {
      const { members } = readPackage({ control: controlTar, data: rawTar(name) }, "demo.deb");
      expect(members.map(({ path }) => path)).toEqual([name]);
    }
  });

  test("includes its scripts with their modes, and the digests of its configuration", async () => {
    const {
      controlFiles,
      conffileDigests,
      control: text,
    } = readPackage(
      await contentsOf({
        control: control(
          'file 755 0:0@9 postinst "#!/bin/sh\\n"\nfile 644 0:0 conffiles "/etc/a\\nremove-on-upgrade /etc/b\\n"',
        ),
        data: 'file 644 0:0 etc/a "x"\nfile 644 0:0 etc/b "y"',
      }),
      "demo.deb",
    );
    expect(text).toBe(CONTROL);
    expect(controlFiles.map(({ name, mode, mtime }) => [name, mode, mtime])).toEqual([
      ["postinst", 0o755, 9],
      ["conffiles", 0o644, 0],
    ]);
    expect(conffileDigests).toEqual({ "/etc/a": createHash("md5").update("x").digest("hex") });
  });

  test.each([1, 7, 511, 512, 513, 2000])("is the same in pieces of %i bytes", async (size) => {
    const contents = await contentsOf({
      control: control('file 644 0:0 conffiles "/etc/a\\n/etc/b\\n/etc/none\\n"'),
      data: `file 644 0:0 etc/a ${JSON.stringify("x".repeat(1500))}\nfile 644 0:0 etc/b ""\nfile 644 0:0 etc/c "c"`,
    });
    const whole = readPackage(contents, "demo.deb");
    expect(readPackage(contents, "demo.deb", size)).toEqual(whole);
    expect(whole.members.map(({ offset }) => offset)).toEqual([512, 0, 3072]);
    const digestOf = (text: string) => createHash("md5").update(text).digest("hex");
    expect(whole.conffileDigests).toEqual({ "/etc/a": digestOf("x".repeat(1500)), "/etc/b": digestOf("") });
  });

  test.each([
    ["without control", 'file 755 0:0 postinst ""', "has no file control"],
    ["with a folder's file", control('file 644 0:0 sub/postinst ""'), "has sub/postinst, a file"],
    ["with a link", control("symlink 777 0:0 postinst -> /bin/true"), "has postinst, a symlink"],
    ["with an option for a name", control('file 644 0:0 -rf ""'), "has -rf, a file"],
  ])("a control archive %s is refused", async (_, text, why) => {
    const contents = await contentsOf({ control: text });
    expect(() => readPackage(contents, "demo.deb")).toThrow(why);
  });

  test.each([
    ["an absolute path", rawTar("/etc/passwd"), "TAR_NAME"],
    ["a path that goes up", rawTar("./../etc/passwd"), "TAR_NAME"],
    ["a path that goes up in the middle", rawTar("usr/../../etc/passwd"), "TAR_NAME"],
    ["a hard link that leads out", rawTar("a", { type: "1", link: "../etc/shadow" }), "TAR_LINK"],
    ["a root that is a file", rawTar("./"), "TAR_NAME"],
    ["a line feed in its name", rawTar("usr/a\nb"), "DEB_INVALID"],
    ["an escape sequence in its name", rawTar("usr/\u001b[2J"), "DEB_INVALID"],
    ["a control character of UTF-8 in its name", rawTar("usr/\xc2\x9b2J"), "DEB_INVALID"],
    ["a name that deletes another one", rawTar("usr/.wh.bin"), "DEB_INVALID"],
    ["an unknown type", rawTar("a", { type: "7" }), "TAR_TYPE"],
    ["a sparse file", rawTar("a", { type: "S" }), "TAR_TYPE"],
    ["no end", rawTar("a").subarray(0, 512), "TAR_TRUNCATED"],
  ])("a data archive with %s is refused", async (_, data, code) => {
    const { control: description } = await contentsOf();
    let found: unknown;
    try {
      readPackage({ control: description, data }, "demo.deb");
    } catch (error) {
      found = error;
    }
    expect(found).toMatchObject({ code, message: expect.stringContaining("demo.deb") });
    expect((found as Error).message).not.toMatch(/\p{Cc}/u);
  });
});
