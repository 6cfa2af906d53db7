import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteString, bytesFromText, type Entry, type FileEntry } from "@base-kit/core";
import { entriesFromText, readContent, textFromEntries } from "@base-kit/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeHeader } from "../src/header.ts";
import { compareTreeOrder, indexTar, repackTar, treeOrderKey, writeTar } from "../src/index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a written archive read again", () => {
  test("holds the same entries", async () => {
    const text = [
      "directory 755 0:0 ./",
      "directory 1777 0:0@12 tmp/",
      'file 4755 1000:5@-3 su "s\\n" {security.capability="\\u0001\\u0000\\u0000\\u0002ÿ\\n=" user.b=""}',
      'file 0 0:0 secret "x"',
      "hardlink 4755 1000:5@-3 su2 => su",
      "symlink 777 0:0 lib -> usr/lib",
      "character-device 666 0:0 null 1,3",
      "block-device 660 0:6 vda 254,0",
      "fifo 600 0:0 pipe",
      'file 644 2147483647:262144@9007199254740991 "ÿþ\\n\\u001b" ""',
    ].join("\n");
    expect(await textFromEntries(await roundTrip(entriesFromText(text)))).toBe(text);
  });

  test("holds any entries, for any metadata in range", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry(), { maxLength: 12 }), async (entries) => {
        const before = await textFromEntries(entries);
        expect(await textFromEntries(await roundTrip(entries))).toBe(before);
        const chunks = await chunksOf(writeTar(entries));
        const repacked = await chunksOf(repackTar(inPieces(chunks, 700), { name: "stream" }));
        expect(repacked.equals(chunks)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("gives content that is lent in memory that takes turns, and content that is not in memory of its own", async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_005 }, (_, at) => at * at));
    const path = join(folder, "lent.tar");
    writeFileSync(path, await chunksOf(writeTar([{ ...file("large"), size: bytes.length, content: () => [bytes] }])));
    const [found] = indexTar(path) as [FileEntry];
    const copied: Buffer[] = [];
    const memory = new Set<ArrayBufferLike>();
    let before: Uint8Array = Buffer.alloc(0);
    for await (const chunk of found.content({ lent: true })) {
      // What came before is whole until the next is asked for.
      copied.push(Buffer.from(before));
      memory.add(chunk.buffer);
      before = chunk;
    }
    copied.push(Buffer.from(before));
    expect(memory.size).toBe(2);
    expect(Buffer.concat(copied).equals(bytes)).toBe(true);
    const kept: Uint8Array[] = [];
    for await (const chunk of found.content()) kept.push(chunk);
    expect(Buffer.concat(kept).equals(bytes)).toBe(true);
  });

  test("is the same whatever pieces its contents come in", async () => {
    const bytes = Buffer.alloc(3_000_000, "abc");
    const whole: Entry = { ...file("big"), size: bytes.length, content: () => [bytes] };
    const pieces: Entry = { ...whole, content: () => inPieces(bytes, 77_777) };
    expect((await chunksOf(writeTar([whole]))).equals(await chunksOf(writeTar([pieces])))).toBe(true);
  });

  test("is the same when its memory is used again, and content that was handed on stays whose it is", async () => {
    // As large as a chunk of the writer.
    const large = Buffer.alloc(1024 ** 2, "large");
    const parts = [large, Buffer.alloc(300_000, "a"), Buffer.alloc(3_000_000, "b"), large, Buffer.from("end")];
    const entries = parts.map(
      (bytes, at): Entry => ({
        type: "file",
        path: bytesFromText(`file ${at}`),
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        size: bytes.length,
        content: () => [bytes],
      }),
    );
    const lent = async function* () {
      for await (const chunk of writeTar(entries, { transient: true })) yield Buffer.from(chunk);
    };
    const kept = await chunksOf(writeTar(entries));
    for (let round = 0; round < 3; round++) expect((await chunksOf(lent())).equals(kept)).toBe(true);
    expect(large.equals(Buffer.alloc(1024 ** 2, "large"))).toBe(true);
  });

  test("keeps a size of 8 GiB and more", () => {
    const size = 8 * 1024 ** 3 + 5;
    const header = encodeHeader({ ...file("huge"), size });
    const path = join(folder, "huge.tar");
    writeFileSync(path, header);
    // The content is not there, and that is what the reader must notice at exactly this size.
    expect(() => indexTar(path, { limits: { unpacked: 2 * size } })).toThrow(`${size} bytes expected`);
  });

  test("a file that gives other than its size is an error that names it", async () => {
    const short: Entry = { ...file("etc/log"), size: 10, content: () => [Buffer.from("123")] };
    await expect(chunksOf(writeTar([short]))).rejects.toMatchObject({
      code: "TAR_CONTENT_SIZE",
      message: expect.stringContaining("etc/log to a tar: expected 10 bytes, found 3"),
    });
  });
});

describe("an archive is refused, by name", () => {
  const at = (path: string) => file(path);
  const cases: readonly (readonly [why: string, bytes: () => Buffer, code: string])[] = [
    ["that is not one", () => Buffer.alloc(2048, "no tar"), "TAR_NOT_TAR"],
    ["that is a short text", () => Buffer.from("hello\n"), "TAR_NOT_TAR"],
    ["that is empty", () => Buffer.alloc(0), "TAR_TRUNCATED"],
    ["cut between two entries", () => encodeHeader(at("a")), "TAR_TRUNCATED"],
    ["cut in a header", () => encodeHeader(at("a")).subarray(0, 300), "TAR_TRUNCATED"],
    ["cut in a content", () => Buffer.concat([header("a", { size: 3000 }), Buffer.alloc(512)]), "TAR_TRUNCATED"],
    ["with data after its end", () => Buffer.concat([Buffer.alloc(1024), Buffer.from("more")]), "TAR_TRAILING_DATA"],
    ["with a path through ..", () => ended(header("../evil")), "TAR_NAME"],
    ["with .. in the middle", () => ended(header("a/../../evil")), "TAR_NAME"],
    ["with an absolute path", () => ended(header("/etc/passwd")), "TAR_NAME"],
    ["with .. only in its pax path", () => ended(pax([["path", "../evil"]]), header("fine")), "TAR_NAME"],
    ["with .. only in its GNU long name", () => ended(gnuLong("L", "../evil"), header("fine")), "TAR_NAME"],
    ["with a NUL in its pax path", () => ended(pax([["path", "a\0b"]]), header("fine")), "TAR_NAME"],
    ["with a name of 256 bytes", () => ended(pax([["path", "n".repeat(256)]]), header("fine")), "TAR_NAME"],
    ["with a path of 4,100 bytes", () => ended(pax([["path", "n/".repeat(2050)]]), header("fine")), "TAR_NAME"],
    ["whose root is a file", () => ended(header("./")), "TAR_NAME"],
    ["with a file whose name ends in a slash", () => ended(header("file/")), "TAR_AMBIGUOUS"],
    ["with a hard link that leads out", () => ended(header("a", { type: "1", link: "../../etc/shadow" })), "TAR_LINK"],
    ["with a link to nothing", () => ended(header("a", { type: "2" })), "TAR_LINK"],
    [
      "with a hard link that has content",
      () => ended(header("a", { type: "1", link: "b", size: 5 }), Buffer.alloc(512)),
      "TAR_AMBIGUOUS",
    ],
    ["with a GNU sparse file", () => ended(header("a", { type: "S" })), "TAR_TYPE"],
    ["with a pax sparse file", () => ended(pax([["GNU.sparse.major", "1"]]), header("a")), "TAR_SPARSE"],
    ["with a contiguous file", () => ended(header("a", { type: "7" })), "TAR_TYPE"],
    ["with a volume label", () => ended(header("a", { type: "V" })), "TAR_TYPE"],
    [
      "with pax and GNU names for one entry",
      () => ended(pax([["path", "one"]]), gnuLong("L", "two"), header("a")),
      "TAR_AMBIGUOUS",
    ],
    [
      "with two pax headers for one entry",
      () => ended(pax([["path", "one"]]), pax([["path", "two"]]), header("a")),
      "TAR_AMBIGUOUS",
    ],
    [
      "with one pax keyword twice",
      () =>
        ended(
          pax([
            ["path", "one"],
            ["path", "two"],
          ]),
          header("a"),
        ),
      "TAR_AMBIGUOUS",
    ],
    ["with a path for all entries", () => ended(pax([["path", "one"]], "g"), header("a")), "TAR_AMBIGUOUS"],
    ["with a pax header and then nothing", () => ended(pax([["path", "one"]])), "TAR_TRUNCATED"],
    ["with a pax record of length zero", () => ended(raw("x", "0 path=a\n"), header("a")), "TAR_PAX"],
    ["with a pax record longer than its header", () => ended(raw("x", "99 path=a\n"), header("a")), "TAR_PAX"],
    ["with a pax record without newline", () => ended(raw("x", "9 path=aa"), header("a")), "TAR_PAX"],
    [
      "with a pax header of 2 MiB",
      () => ended(raw("x", "x".repeat(2 * 1024 ** 2)), header("a")),
      "TAR_EXTENDED_HEADER",
    ],
    ["with an owner of 2^32 - 1", () => ended(pax([["uid", "4294967295"]]), header("a")), "TAR_NUMBER"],
    ["with a size of 2^63", () => ended(pax([["size", "9223372036854775808"]]), header("a")), "TAR_NUMBER"],
    ["with a negative size", () => ended(base256(header("a"), 124, 12, -1n)), "TAR_NUMBER"],
    ["with a time of 1e20", () => ended(pax([["mtime", "100000000000000000000"]]), header("a")), "TAR_NUMBER"],
    ["with letters for a mode", () => ended(checksummed(header("a"), 100, "rw-r--r")), "TAR_NUMBER"],
  ];

  test.each(cases)("%s", async (_why, bytes, code) => {
    const path = join(folder, "hostile.tar");
    writeFileSync(path, bytes());
    expect(() => indexTar(path)).toThrow(expect.objectContaining({ code, kind: "unsupported" }));
    await expect(chunksOf(repackTar(inPieces(bytes(), 100), { name: "hostile.tar" }))).rejects.toMatchObject({ code });
  });

  test("with more entries or bytes than allowed", () => {
    const path = join(folder, "many.tar");
    writeFileSync(path, ended(header("a"), header("b"), header("c")));
    expect(() => indexTar(path, { limits: { entries: 2 } })).toThrow(
      expect.objectContaining({ code: "TAR_TOO_LARGE" }),
    );
    writeFileSync(path, ended(header("a", { size: 512 }), Buffer.alloc(512)));
    expect(() => indexTar(path, { limits: { unpacked: 511 } })).toThrow(
      expect.objectContaining({ code: "TAR_TOO_LARGE" }),
    );
  });

  test("with an escaped name, so that the message cannot drive a terminal", () => {
    const path = join(folder, "escape.tar");
    writeFileSync(path, ended(header("../\x1b[2J\nrm -rf")));
    expect(() => indexTar(path)).toThrow('at entry "../\\x1b[2J\\nrm -rf": the path leads out through `..`');
  });

  test("or read, but never anything else, whatever bytes are changed", async () => {
    const sound = Buffer.concat(
      await collect(writeTar(entriesFromText('file 644 0:0 a "one"\nsymlink 777 0:0 b -> a'))),
    );
    const withPax = ended(
      pax([
        ["path", "p"],
        ["SCHILY.xattr.user.a", "v"],
      ]),
      header("a", { size: 3 }),
      Buffer.alloc(512, "abc"),
    );
    const path = join(folder, "fuzz.tar");
    fc.assert(
      fc.property(
        fc.constantFrom(sound, withPax),
        fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (archive, changes, mendChecksum) => {
          const bytes = Buffer.from(archive);
          for (const [place, byte] of changes) if (place < bytes.length) bytes[place] = byte;
          if (mendChecksum) for (let at = 0; at + 512 <= bytes.length; at += 512) mend(bytes, at);
          writeFileSync(path, bytes);
          try {
            for (const entry of indexTar(path)) expect(entry.path).not.toMatch(/^\/|(^|\/)\.\.(\/|$)|\0/);
          } catch (error) {
            expect(error).toMatchObject({ name: "BaseKitError", kind: "unsupported" });
          }
        },
      ),
      { numRuns: Number(process.env["BASE_KIT_RANDOM_CASES"] ?? 1000) },
    );
  });
});

test.each([
  ["./a/./b//c/", "a/b/c"],
  ["././", ""],
  ["a...b/..c", "a...b/..c"],
])("the name %s is the path %s", (name, path) => {
  const archive = join(folder, "name.tar");
  writeFileSync(archive, ended(header(name, { type: "5" })));
  expect(indexTar(archive).map((entry) => entry.path)).toEqual([path]);
});

test("a folder comes directly before what is in it, whatever its neighbours are called", () => {
  const paths = ["a", "a/z", "a-b", "a.b", "a0", "a\xff", "b"] as ByteString[];
  expect([...paths].reverse().sort(compareTreeOrder)).toEqual(paths);
});

async function roundTrip(entries: Iterable<Entry>): Promise<Entry[]> {
  const path = join(folder, "round-trip.tar");
  writeFileSync(path, await chunksOf(writeTar(entries)));
  return indexTar(path);
}

function anyEntry(): fc.Arbitrary<Entry> {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 255 })
    .map((bytes) => Buffer.from(bytes).toString("latin1").replaceAll(/[/\0]/g, "_"))
    .filter((text) => text !== "." && text !== "..");
  const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/") as ByteString);
  const metadata = {
    path,
    mode: fc.nat(0o7777),
    uid: fc.nat(2 ** 31 - 1),
    gid: fc.nat(2 ** 31 - 1),
    mtime: fc.maxSafeInteger(),
  };
  const xattrs = fc.uniqueArray(
    fc.tuple(
      fc.constantFrom("user.a", "security.capability", "user.b").map(bytesFromText),
      fc.uint8Array({ maxLength: 40 }),
    ),
    { selector: ([key]) => key, maxLength: 3 },
  );
  const sorted = xattrs.map((pairs) => new Map(pairs.sort(([a], [b]) => (a < b ? -1 : 1))));
  const plain = fc.oneof(
    fc.record({ ...metadata, type: fc.constant("directory" as const) }),
    fc.record({ ...metadata, type: fc.constant("fifo" as const) }),
    fc.record({ ...metadata, type: fc.constant("symlink" as const), target: path }),
    fc.record({ ...metadata, type: fc.constant("hardlink" as const), target: path }),
    fc.record({
      ...metadata,
      type: fc.constant("block-device" as const),
      major: fc.nat(2097151),
      minor: fc.nat(2097151),
    }),
    fc
      .record({ ...metadata, type: fc.constant("file" as const), text: fc.string({ maxLength: 1500 }) })
      .map(({ text, ...rest }) => {
        const bytes = Buffer.from(text);
        return { ...rest, size: bytes.length, content: () => [bytes] };
      }),
  );
  return fc.tuple(plain, sorted).map(([entry, map]) => (map.size === 0 ? entry : { ...entry, xattrs: map }));
}

function file(path: string): Entry & { readonly type: "file" } {
  return { type: "file", path: path as ByteString, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 0, content: () => [] };
}

/** A header that our own writer would refuse to make. */
function header(
  name: string,
  fields: { readonly type?: string; readonly size?: number; readonly link?: string } = {},
): Buffer {
  const block = Buffer.from(encodeHeader(file("placeholder")));
  block.fill(0, 0, 100);
  block.write(name, 0, 100, "latin1");
  block.write((fields.size ?? 0).toString(8).padStart(11, "0"), 124, "latin1");
  block.write(fields.type ?? "0", 156, "latin1");
  block.write(fields.link ?? "", 157, "latin1");
  return mend(block, 0);
}

function mend(bytes: Buffer, at: number): Buffer {
  bytes.fill(0x20, at + 148, at + 156);
  const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  return bytes;
}

function checksummed(block: Buffer, at: number, text: string): Buffer {
  block.write(text, at, "latin1");
  return mend(block, 0);
}

function base256(block: Buffer, at: number, length: number, value: bigint): Buffer {
  for (let i = 0; i < length; i++) block[at + length - 1 - i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
  return mend(block, 0);
}

function pax(records: readonly (readonly [string, string])[], type = "x"): Buffer {
  const texts = records.map(([key, value]) => {
    const rest = key.length + value.length + 3;
    const length = [1, 2, 3, 4].map((digits) => rest + digits).find((total) => String(total).length === total - rest);
    return `${length} ${key}=${value}\n`;
  });
  return raw(type, texts.join(""));
}

function gnuLong(type: string, name: string): Buffer {
  return raw(type, `${name}\0`);
}

function raw(type: string, content: string): Buffer {
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  padded.write(content, "latin1");
  return Buffer.concat([header("extended", { type, size: content.length }), padded]);
}

function ended(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

async function chunksOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return readContent(chunks);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("two paths compare as their keys do", () => {
  const path = fc.string({ unit: fc.constantFrom("a", "b", "/", "\x01", "-", "ÿ"), maxLength: 6 });
  fc.assert(
    fc.property(path, path, (a, b) => {
      const [left, right] = [treeOrderKey(a as ByteString), treeOrderKey(b as ByteString)];
      const expected = left < right ? -1 : left > right ? 1 : 0;
      expect(Math.sign(compareTreeOrder(a as ByteString, b as ByteString))).toBe(expected);
    }),
    { numRuns: 1000 },
  );
});
