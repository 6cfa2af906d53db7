import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dpkgDatabase } from "../src/dpkg-database/database.ts";
import { openDeb } from "../src/unpack/deb.ts";
import { parseParagraph } from "../src/unpack/paragraph.ts";
import { arOf, gathered, type Member, readPackage, VERSION } from "./deb-bytes.ts";

const CONTROL = `Package: demo
Source: other (2.0)
Version: 1:2.0-1~a
Architecture: all
Multi-Arch: foreign
Homepage: https://example.org/
Maintainer: A <a@example.org>
Bugs: mailto:a@example.org
Origin: here
Installed-Size: 7
Depends: a(>=1),b|c ( << 2 ) , d:any
Suggests: e
Section: misc
Priority: optional
Tag: x::y
Description: short
 long
 .
  code
`;

describe.skipIf(requires("debootstrap", "readelf", "root").skip)("beside dpkg", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function debOf(name: string, files: Readonly<Record<string, string>>, compression: string): string {
    const source = join(dir, name);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(source, path)), { recursive: true, mode: 0o755 });
      writeFileSync(join(source, path), content);
    }
    chmodSync(join(source, "DEBIAN"), 0o755);
    mkdirSync(join(source, "usr/empty"), { recursive: true });
    symlinkSync("a", join(source, "usr/link"));
    execFileSync("dpkg-deb", ["--root-owner-group", `-Z${compression}`, "--build", source, `${source}.deb`]);
    return `${source}.deb`;
  }

  test.each(["xz", "gzip", "zstd", "none"])(
    "an unpacked package (%s) is entered in the database alike",
    async (compression) => {
      const files = {
        "DEBIAN/control": CONTROL,
        "DEBIAN/conffiles": "/etc/demo.conf\n/etc/more\n",
        "etc/demo.conf": "x\n",
        "etc/more": "",
        "usr/a": "a",
      };
      const deb = debOf(`demo-${compression}`, files, compression);
      const root = join(dir, `root-${compression}`);
      mkdirSync(join(root, "var/lib/dpkg/updates"), { recursive: true });
      mkdirSync(join(root, "var/lib/dpkg/info"));
      writeFileSync(join(root, "var/lib/dpkg/status"), "");
      const quiet = { stdio: "ignore" } as const;
      execFileSync("dpkg", [`--root=${root}`, "--force-depends", "--force-bad-path", "--unpack", deb], quiet);

      const opened = await openDeb(readFileSync(deb), { name: "demo.deb", limits: { data: 1024 ** 2 } });
      const contents = readPackage({ ...opened, data: await gathered(opened.data) }, "demo.deb");
      const paragraph = parseParagraph(contents.control) ?? new Map();
      const [version, architecture] = ["1:2.0-1~a", "all"];
      const named = { name: "demo", version, paragraph, contents, content: () => [] };
      const locked = { name: "demo", version, architecture, essential: false, url: "", size: 0, sha256: "" };
      const database = dpkgDatabase([{ named, locked }], { lost: new Map(), epoch: 0 });
      const written = (path: string) => {
        const entry = database.find((each) => each.path === `var/lib/dpkg/${path}`);
        return entry?.type === "file"
          ? Buffer.concat([...(entry.content() as Iterable<Uint8Array>)]).toString()
          : undefined;
      };
      const dpkgs = (path: string) => readFileSync(join(root, "var/lib/dpkg", path), "utf8");
      // dpkg enters a configuration file's digest only when it is configured.
      const digests = /(?<=^ \/etc\/\S+ )\S+$/gm;
      expect(written("status")?.replace(digests, "newconffile")).toBe(dpkgs("status").replace(digests, "newconffile"));
      for (const path of ["info/demo.list", "info/demo.conffiles", "info/format"])
        expect(written(path)).toBe(dpkgs(path));
    },
  );

  test.each<[string, (members: { control: Member; data: Member }) => Member[]]>([
    ["as it is", ({ control, data }) => [VERSION, control, data]],
    ["of version 2.7", ({ control, data }) => [{ ...VERSION, bytes: Buffer.from("2.7\n") }, control, data]],
    ["of version 3.0", ({ control, data }) => [{ ...VERSION, bytes: Buffer.from("3.0\n") }, control, data]],
    ["without its version", ({ control, data }) => [control, data]],
    ["with its data first", ({ control, data }) => [VERSION, data, control]],
    ["without data", ({ control }) => [VERSION, control]],
    ["with a hidden member", ({ control, data }) => [VERSION, { name: "_x", bytes: Buffer.alloc(3) }, control, data]],
    ["with a stranger", ({ control, data }) => [VERSION, control, { name: "x", bytes: Buffer.alloc(3) }, data]],
    ["with something after it", ({ control, data }) => [VERSION, control, data, { name: "x", bytes: Buffer.alloc(3) }]],
    ["compressed with lzma", ({ control, data }) => [VERSION, control, { name: "data.tar.lzma", bytes: asLzma(data) }]],
    [
      "whose control is compressed with lzma",
      ({ control, data }) => [VERSION, { name: "control.tar.lzma", bytes: asLzma(control) }, data],
    ],
    ["that only says it is lzma", ({ control, data }) => [VERSION, control, { ...data, name: "data.tar.lzma" }]],
    ["compressed in an unknown way", ({ control, data }) => [VERSION, control, { ...data, name: "data.tar.br" }]],
    [
      "compressed in another way than it says",
      ({ control, data }) => [VERSION, control, { ...data, name: "data.tar.gz" }],
    ],
  ])("a package %s is taken or refused as dpkg-deb does", async (what, make) => {
    const source = join(dir, what.replaceAll(/\W/g, "-"));
    const deb = debOf(what.replaceAll(/\W/g, "-"), { "DEBIAN/control": CONTROL, "usr/a": "a" }, "xz");
    const member = (name: string) => ({ name, bytes: execFileSync("ar", ["p", deb, name]) });
    const file = arOf(make({ control: member("control.tar.xz"), data: member("data.tar.xz") }));
    writeFileSync(`${source}-changed.deb`, file);
    const accepts = (() => {
      try {
        execFileSync("dpkg-deb", ["--contents", `${source}-changed.deb`], { stdio: "ignore" });
        return true;
      } catch {
        return false;
      }
    })();
    const opened = openDeb(file, { name: "demo.deb", limits: { data: 1024 ** 2 } });
    const read = opened.then(({ data }) => gathered(data));
    await expect(
      read.then(
        () => true,
        () => false,
      ),
    ).resolves.toBe(accepts);
  });
});

function asLzma({ bytes }: Member): Buffer {
  const tar = execFileSync("xz", ["--decompress", "--stdout"], { input: bytes });
  return execFileSync("xz", ["--format=lzma", "--stdout"], { input: tar });
}
