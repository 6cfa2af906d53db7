import { execFileSync } from "node:child_process";
import {
  chmodSync,
  createReadStream,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteString, bytesFromText, type Entry } from "@base-kit/core";
import { readContent, requires, textFromEntries } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTreeOrder, indexTar, repackTar, writeTar } from "../src/index.ts";

const C_LOCALE = { ...process.env, LC_ALL: "C" };

// GNU tar is the oracle, in both directions.
describe.skipIf(requires("tar").skip)("beside GNU tar", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    makeTree(join(folder, "tree"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(["posix", "gnu", "ustar"])("an archive in its %s format is read as it was meant", async (format) => {
    const file = join(folder, `${format}.tar`);
    // ustar has no place for the large id, the times and the very long name.
    const leaveOut = format === "ustar" ? ["--exclude=*long*", "--exclude=*old*", "--exclude=*large-id*"] : [];
    const args = [
      "--sort=name",
      `--format=${format}`,
      "--numeric-owner",
      ...leaveOut,
      "-C",
      join(folder, "tree"),
      "-cf",
      file,
      ".",
    ];
    execFileSync("tar", args, { env: C_LOCALE });
    const entries = indexTar(file);
    expect(entries.map(({ path }) => path)).toEqual(listed(file));
    const again = join(folder, `${format}-again.tar`);
    await writeTo(again, repackTar(createReadStream(file, { highWaterMark: 1000 }), { name: file }));
    expect(await textFromEntries(indexTar(again))).toBe(await textFromEntries(entries));
    expect(readFileSync(again).equals(await readContent(writeTar(entries)))).toBe(true);
    expect(entries.find(({ path }) => path === "etc/hello")).toMatchObject({
      type: "file",
      mode: 0o640,
      size: 6,
      mtime: 1_000_000_000,
    });
    if (format !== "ustar") {
      expect(entries.find(({ path }) => path === "old")).toMatchObject({ mtime: -86_400 });
      expect(entries.find(({ path }) => path === "future")).toMatchObject({ mtime: 4_000_000_000 });
    }
  });

  test("an archive of its own order and metadata is, byte for byte, the order this package writes", () => {
    const file = join(folder, "order.tar");
    execFileSync("tar", ["--sort=name", "-C", join(folder, "tree"), "-cf", file, "."], { env: C_LOCALE });
    const paths = indexTar(file).map(({ path }) => path);
    expect([...paths].sort(compareTreeOrder)).toEqual(paths);
  });

  test("what this package writes, it lists and extracts as it was meant", async () => {
    const file = join(folder, "ours.tar");
    const long = `${"d".repeat(120)}/${"f".repeat(200)}`;
    const entries: Entry[] = [
      { type: "directory", path: bytes(""), mode: 0o755, uid: 0, gid: 0, mtime: 1 },
      { type: "directory", path: bytes("d".repeat(120)), mode: 0o755, uid: 0, gid: 0, mtime: 1 },
      fileOf(long, "long", { uid: 300_000, gid: 3_000_000, mtime: 5_000_000_000 }),
      { ...fileOf("caf\xe9", "latin1", {}), path: "caf\xe9" as ByteString },
      fileOf("café", "utf8", { mode: 0o4755, mtime: -5 }),
      { type: "hardlink", path: bytes("link"), target: bytes("café"), mode: 0o4755, uid: 0, gid: 0, mtime: -5 },
      { type: "fifo", path: bytes("pipe"), mode: 0o600, uid: 0, gid: 0, mtime: 1 },
      { type: "symlink", path: bytes("soft"), target: bytes(`/${long}`), mode: 0o777, uid: 0, gid: 0, mtime: 1 },
      { type: "character-device", path: bytes("zero"), major: 1, minor: 5, mode: 0o666, uid: 0, gid: 0, mtime: 1 },
    ];
    await writeTo(file, writeTar(entries));
    const text = execFileSync(
      "tar",
      ["--numeric-owner", "--full-time", "--utc", "--quoting-style=escape", "-tvf", file],
      { encoding: "utf8", env: C_LOCALE },
    );
    const rows = text
      .trimEnd()
      .split("\n")
      .map((row) => row.replace(/ +/g, " "));
    expect(rows).toEqual([
      "drwxr-xr-x 0/0 0 1970-01-01 00:00:01 ./",
      `drwxr-xr-x 0/0 0 1970-01-01 00:00:01 ${"d".repeat(120)}/`,
      `-rw-r--r-- 300000/3000000 4 2128-06-11 08:53:20 ${long}`,
      "-rw-r--r-- 0/0 6 1970-01-01 00:00:00 caf\\351",
      "-rwsr-xr-x 0/0 4 1969-12-31 23:59:55 caf\\303\\251",
      "hrwsr-xr-x 0/0 0 1969-12-31 23:59:55 link link to caf\\303\\251",
      "prw------- 0/0 0 1970-01-01 00:00:01 pipe",
      `lrwxrwxrwx 0/0 0 1970-01-01 00:00:01 soft -> /${long}`,
      "crw-rw-rw- 0/0 1,5 1970-01-01 00:00:01 zero",
    ]);
  });

  function listed(file: string): string[] {
    const text = execFileSync("tar", ["--quoting-style=literal", "--show-transformed-names", "-tf", file], {
      encoding: "latin1",
      env: C_LOCALE,
    });
    return text
      .trimEnd()
      .split("\n")
      .map((name) => name.replace(/^\.\//, "").replace(/\/$/, ""));
  }
});

function makeTree(root: string): void {
  mkdirSync(join(root, "etc/deep.d"), { recursive: true });
  mkdirSync(join(root, "etc/deep"));
  writeFileSync(join(root, "etc/hello"), "hello\n");
  chmodSync(join(root, "etc/hello"), 0o640);
  utimesSync(join(root, "etc/hello"), 1_000_000_000, 1_000_000_000);
  writeFileSync(join(root, "etc/deep/x"), Buffer.alloc(1_500_000, "x"));
  writeFileSync(join(root, "etc/deep.d/y"), "");
  writeFileSync(join(root, "etc/deep-y"), "y".repeat(512));
  writeFileSync(join(root, "old"), "");
  // utimes of Node takes a negative time for the present.
  execFileSync("touch", ["--date=@-86400", join(root, "old")]);
  writeFileSync(join(root, "future"), "");
  utimesSync(join(root, "future"), 4_000_000_000, 4_000_000_000);
  linkSync(join(root, "etc/hello"), join(root, "etc/same"));
  symlinkSync("../no/where", join(root, "etc/soft"));
  symlinkSync(`/${"t".repeat(150)}`, join(root, "long-target"));
  mkdirSync(join(root, `long-${"n".repeat(120)}`));
  writeFileSync(join(root, `long-${"n".repeat(120)}`, "m".repeat(140)), "deep");
}

function fileOf(
  path: string,
  content: string,
  metadata: Partial<Pick<Entry, "mode" | "uid" | "gid" | "mtime">>,
): Entry {
  const buffer = Buffer.from(content);
  return {
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    ...metadata,
    type: "file",
    path: bytes(path),
    size: buffer.length,
    content: () => [buffer],
  };
}

function bytes(text: string): ByteString {
  return bytesFromText(text);
}

async function writeTo(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  writeFileSync(file, await readContent(chunks));
}
