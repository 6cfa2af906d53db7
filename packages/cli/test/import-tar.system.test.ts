import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listTree } from "./listed-tree.ts";
import { gnuLong, member, pax, tarOf } from "./raw-tar.ts";
import { createSandbox, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

interface ImageJson {
  readonly id: string;
  readonly platform: string;
}

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

const directory = (name: string) => member(name, { type: "5" });
const SMALL = tarOf(directory("./"), directory("./etc/"), member("./etc/hostname", { content: "box\n" }));

function compressed(program: "xz" | "zstd", input: Buffer): Buffer {
  return execFileSync(program, ["--stdout", "--quiet"], { input, maxBuffer: 2 ** 28 });
}

describe.skipIf(requires("xz", "zstd").skip)("a tar", () => {
  test.each([
    ["plain.tar.gz", () => SMALL],
    ["gzip.zst", () => gzipSync(SMALL)],
    ["xz", () => compressed("xz", SMALL)],
    ["zstd.tar", () => compressed("zstd", SMALL)],
    ["two-members.tar", () => Buffer.concat([gzipSync(SMALL.subarray(0, 700)), gzipSync(SMALL.subarray(700))])],
  ])("is known by its content, not by its name: %s", async (name, bytes) => {
    writeFileSync(sandbox.work(name), bytes());
    writeFileSync(sandbox.work("small.tar"), SMALL);
    const args = ["--output", "tar:out.tar"];
    const plain = await sandbox.json<ImageJson>(["import", "small.tar", "a", ...args]);
    const image = await sandbox.json<ImageJson>(["import", name, "a", ...args]);
    const piped = await sandbox.json<ImageJson>(["import", "-", "a", ...args], { stdin: bytes() });
    expect(image.id).toBe(plain.id);
    expect(piped.id).toBe(plain.id);
    const listed = execFileSync("tar", ["-tf", sandbox.work("out.tar")]).toString();
    expect(listed.split("\n")).toEqual(["./", "etc/", "etc/hostname", ""]);
  });
});

test("a tar may come through a named pipe, as a shell's <(…) gives it", async () => {
  writeFileSync(sandbox.work("small.tar"), SMALL);
  const feeding = 'mkfifo pipe && { cat small.tar >pipe & } && exec "$@"';
  const args = ["import", "pipe", "a", "-o", "tar:out.tar"];
  const image = await sandbox.json<ImageJson>(args, { through: ["sh", "-c", feeding, "sh"] });
  expect(image.id).toBe((await sandbox.json<ImageJson>(["import", "small.tar", "a", "-o", "tar:out.tar"])).id);
});

test("what has no name of its own is not called by the number of a file descriptor", async () => {
  writeFileSync(sandbox.work("small.tar"), SMALL);
  const called = async (source: string) => {
    const argv = ["import", source, "-o", "docker-archive:out.tar"];
    expect(await sandbox.run(argv, { through: ["sh", "-c", 'exec "$@" <small.tar 3<small.tar', "sh"] })).toMatchObject({
      exitCode: 0,
    });
    const manifest = execFileSync("tar", ["-xOf", sandbox.work("out.tar"), "manifest.json"]);
    return JSON.parse(manifest.toString())[0].RepoTags;
  };
  expect(await called("small.tar")).toEqual(["base-kit/small:latest"]);
  for (const source of ["-", "/dev/stdin", "/dev/fd/3", "/proc/self/fd/3"])
    expect(await called(source), source).toEqual(["base-kit/root:latest"]);
});

describe.skipIf(requires("docker", "root").skip)("a tar for an engine", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test("becomes the tree that GNU tar unpacks", async () => {
    const name = images.fresh();
    const unpacked = sandbox.work("unpacked");
    mkdirSync(unpacked);
    writeFileSync(sandbox.work("small.tar"), SMALL);
    execFileSync("tar", ["-C", unpacked, "--same-permissions", "-xf", sandbox.work("small.tar")]);
    const { id } = await sandbox.json<ImageJson>(["import", "small.tar", name]);
    expect(images.inspect(name).Id).toBe(id);
    await sandbox.json(["import", "small.tar", "-o", "tar:layer.tar"]);
    const layer = sandbox.work("layer");
    mkdirSync(layer);
    execFileSync("tar", ["-C", layer, "--same-permissions", "-xf", sandbox.work("layer.tar")]);
    expect(listTree(layer)).toBe(listTree(unpacked));
  });
});

/** Names that would exist in the parent of the working folder, or on the machine, had anything been unpacked. */
const OUTSIDE = join(tmpdir(), "base-kit-evil");

const HOSTILE: readonly (readonly [what: string, bytes: () => Buffer, code: string])[] = [
  ["a name through ..", () => tarOf(member("../base-kit-evil")), "TAR_NAME"],
  ["a name through an inner ..", () => tarOf(directory("a"), member("a/../../base-kit-evil")), "TAR_NAME"],
  ["an absolute name", () => tarOf(member(OUTSIDE)), "TAR_NAME"],
  ["a name through .. only in pax", () => tarOf(pax({ path: "../base-kit-evil" }), member("ok")), "TAR_NAME"],
  ["an absolute name only in a GNU header", () => tarOf(gnuLong("L", OUTSIDE), member("ok")), "TAR_NAME"],
  ["a name for all entries", () => tarOf(pax({ path: "evil" }, "g"), member("ok")), "TAR_AMBIGUOUS"],
  ["NUL in a name", () => tarOf(pax({ path: "ok\0../evil" }), member("ok")), "TAR_NAME"],
  ["a name of 256 bytes", () => tarOf(pax({ path: "x".repeat(256) }), member("ok")), "TAR_NAME"],
  ["a path of 4,200 bytes", () => tarOf(pax({ path: "x/".repeat(2100) }), member("ok")), "TAR_NAME"],
  ["a whiteout", () => tarOf(directory("etc"), member("etc/.wh.passwd")), "ROOTFS_WHITEOUT"],
  ["an opaque whiteout", () => tarOf(directory("etc"), member("etc/.wh..wh..opq")), "ROOTFS_WHITEOUT"],
  ["a file and a folder of one name", () => tarOf(member("x"), directory("x")), "ROOTFS_CONFLICT"],
  [
    "a link and a file of one name",
    () => tarOf(member("x", { type: "2", link: "/y" }), member("x")),
    "ROOTFS_CONFLICT",
  ],
  ["a file in a file", () => tarOf(member("x"), member("x/y")), "ROOTFS_CONFLICT"],
  [
    "links in a circle",
    () => tarOf(member("a", { type: "2", link: "b" }), member("b", { type: "2", link: "a" }), member("a/x")),
    "ROOTFS_LINK_LOOP",
  ],
  ["a hard link to what is outside", () => tarOf(member("x", { type: "1", link: "../../etc/passwd" })), "TAR_LINK"],
  ["a hard link to nothing", () => tarOf(member("x", { type: "1", link: "y" })), "ROOTFS_HARDLINK"],
  ["a hard link to itself", () => tarOf(member("x", { type: "1", link: "x" })), "ROOTFS_HARDLINK"],
  ["a hard link to a folder", () => tarOf(directory("d"), member("x", { type: "1", link: "d" })), "ROOTFS_HARDLINK"],
  ["a sparse file, old style", () => tarOf(member("x", { type: "S" })), "TAR_TYPE"],
  [
    "a sparse file, pax style",
    () => tarOf(pax({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "4096" }), member("x")),
    "TAR_SPARSE",
  ],
  ["a type nobody knows", () => tarOf(member("x", { type: "V" })), "TAR_TYPE"],
  ["the root as a file", () => tarOf(member("./", { content: "x" })), "TAR_NAME"],
  ["a negative size", () => tarOf(member("x", { size: Buffer.alloc(12, 0xff) })), "TAR_NUMBER"],
  ["a size of 2^63", () => tarOf(member("x", { size: Buffer.from("800000008000000000000000", "hex") })), "TAR_NUMBER"],
  ["the user 2^32 - 1", () => tarOf(member("x", { uid: Buffer.from("80000000ffffffff", "hex") })), "TAR_NUMBER"],
  ["a pax record without end", () => tarOf(member("p", { type: "x", content: "99 path=x\n" }), member("x")), "TAR_PAX"],
  ["a pax header of 2 MiB", () => tarOf(pax({ comment: "x".repeat(2 ** 21) }), member("x")), "TAR_EXTENDED_HEADER"],
  ["no end after an entry", () => member("a", { content: "x" }), "TAR_TRUNCATED"],
  ["an end within an entry", () => member("a", { content: "x".repeat(2000) }).subarray(0, 1024), "TAR_TRUNCATED"],
  ["data after its end", () => Buffer.concat([tarOf(member("a")), Buffer.from("more")]), "TAR_TRAILING_DATA"],
  ["nothing at all", () => Buffer.alloc(0), "TAR_TRUNCATED"],
  ["a text", () => Buffer.from("this is no tar\n".repeat(100)), "TAR_NOT_TAR"],
  ["no entry", () => tarOf(), "ROOTFS_EMPTY"],
  ["only the root folder", () => tarOf(directory("./")), "ROOTFS_EMPTY"],
  ["a gzip that was cut", () => gzipSync(SMALL).subarray(0, -20), "DECOMPRESS_DAMAGED"],
  ["a gzip with a wrong checksum", () => flipped(gzipSync(SMALL), -6), "DECOMPRESS_DAMAGED"],
  ["a gzip followed by other data", () => Buffer.concat([gzipSync(SMALL), Buffer.from("more")]), "DECOMPRESS_DAMAGED"],
  ["bzip2, which is not supported", () => Buffer.from("BZh91AY&SY"), "DECOMPRESS_UNSUPPORTED"],
];

function flipped(bytes: Buffer, at: number): Buffer {
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 1;
  return bytes;
}

describe("a hostile tar", () => {
  test.each(HOSTILE)("with %s is refused, and nothing is written", async (_, bytes, code) => {
    rmSync(OUTSIDE, { force: true });
    writeFileSync(sandbox.work("bad.tar"), bytes());
    writeFileSync(sandbox.work("old.tar"), "old");
    mkdirSync(join(sandbox.dir, "work-beside"));
    writeFileSync(join(sandbox.dir, "work-beside/canary"), "alive");
    const before = listTree(sandbox.dir);
    const outcome = await sandbox.run(["import", "bad.tar", "a", "-o", "oci-archive:old.tar", "-o", "oci:layout"]);
    expect(outcome.stderr).toContain(`[${code}]`);
    expect(outcome.stderr).toContain("bad.tar");
    expect(outcome).toMatchObject({ exitCode: code === "DECOMPRESS_DAMAGED" ? 3 : 6, stdout: "" });
    expect(await sandbox.leftovers()).toEqual([]);
    for (const empty of ["cache", "tmp"]) rmSync(join(sandbox.dir, empty), { recursive: true });
    for (const empty of ["cache", "tmp"]) mkdirSync(join(sandbox.dir, empty));
    expect(withoutFolderTimes(listTree(sandbox.dir))).toBe(withoutFolderTimes(before));
    expect(existsSync(OUTSIDE)).toBe(false);
  });

  test("through a link that leads out of it stays inside", async () => {
    const link = member("out", { type: "2", link: tmpdir() });
    writeFileSync(sandbox.work("bad.tar"), tarOf(link, member("out/base-kit-evil", { content: "x" })));
    rmSync(OUTSIDE, { force: true });
    const outcome = await sandbox.run(["import", "bad.tar", "a", "-o", "tar:out.tar"]);
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(existsSync(OUTSIDE)).toBe(false);
    const listed = execFileSync("tar", ["-tf", sandbox.work("out.tar")])
      .toString()
      .split("\n");
    expect(listed).toContain(`${tmpdir().slice(1)}/base-kit-evil`);
    expect(listed).not.toContain("out/base-kit-evil");
  });
});

test("an empty folder is refused", async () => {
  mkdirSync(sandbox.work("empty"));
  const outcome = await sandbox.run(["import", "empty", "a", "-o", "tar:out.tar"]);
  expect(outcome).toMatchObject({ exitCode: 6, stdout: "", stderr: expect.stringContaining("[ROOTFS_EMPTY]") });
  expect(readdirSync(sandbox.work(""))).toEqual(["empty"]);
});

test.each([
  ["no\nsuch.tar", String.raw`"no\nsuch.tar": there is nothing of that name (ENOENT)`],
  ["no/such.tar", "no/such.tar: there is no folder no (ENOENT)"],
  ["file/x.tar", "file/x.tar: file is not a folder (ENOTDIR)"],
  ["loop", "loop: loop is a link to loop, from where no end is reached (ELOOP)"],
  ["dangling", "dangling: dangling is a link to nowhere, which is not there (ENOENT)"],
  ["", `"": there is no such file or directory (ENOENT)`],
  ["x".repeat(300), `${"x".repeat(300)}: a name is longer than the file system allows (ENAMETOOLONG)`],
])("a source that is not there is wrong usage, and told before an engine is looked for: %j", async (source, why) => {
  symlinkSync("loop", sandbox.work("loop"));
  symlinkSync("nowhere", sandbox.work("dangling"));
  writeFileSync(sandbox.work("file"), "");
  const outcome = await sandbox.run(["import", source, "a"], { env: { DOCKER_HOST: "unix:///no/such.sock" } });
  expect(outcome).toMatchObject({ exitCode: 2, stdout: "" });
  expect(outcome.stderr).toBe(
    `error: cannot import ${why}; expected a directory or a tar file [IMPORT_SOURCE]\n` +
      "Give a directory, a tar file (plain or compressed), or - for standard input. " +
      `The path begins in ${sandbox.work(".")}. Nothing was written.\n`,
  );
  expect(readdirSync(sandbox.work("")).sort()).toEqual(["dangling", "file", "loop"]);
});

test.each([
  ["shut/x.tar", "you may not enter the folder shut (EACCES)"],
  ["secret.tar", "permission denied (EACCES)"],
])("a source that may not be read is a matter of this machine: %s", async (source, why) => {
  mkdirSync(sandbox.work("shut"), { mode: 0 });
  writeFileSync(sandbox.work("secret.tar"), "", { mode: 0 });
  const outcome = await sandbox.run(["import", source, "-o", "tar:out.tar"], { through: WITHOUT_CAPABILITIES });
  expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
  expect(outcome.stderr).toContain(
    `error: cannot import ${source}: ${why}; expected a directory or a tar file [IMPORT_SOURCE]\n` +
      "Run as a user who may read it. Nothing was written.\n",
  );
  expect(readdirSync(sandbox.work("")).sort()).toEqual(["secret.tar", "shut"]);
  expect(await sandbox.leftovers()).toEqual([]);
});

test("a name that is not UTF-8 is told how it can be given", async () => {
  const through = ["sh", "-c", `touch "$(printf 'caf\\351.tar')"; exec "$@" import "$(printf 'caf\\351.tar')"`, "sh"];
  const outcome = await sandbox.run([], { through });
  expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("make a link to it (ln -s)") });
});

function withoutFolderTimes(listed: string): string {
  return listed.replace(/^(.*\|d\|.*\|)[\d.]+\|/gm, "$1");
}
