import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteString, Entry, FileEntry } from "@base-kit/core";
import { readContent } from "@base-kit/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeHeader } from "../src/header.ts";
import { type EntryHead, repackTar, repackTarFile, tarFile, writeTar } from "../src/index.ts";

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  path = join(folder, "a.tar");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the archive of another maker becomes what the stream of it would, however it grows", async () => {
  const member = fc.record({ entry: anyEntry(), maker: fc.constantFrom(...MAKERS) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(member, { maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async (members, pieceBlocks) => {
        const foreign = Buffer.concat([
          ...members.map(({ entry, maker }) => maker(bytesOf(entry))),
          Buffer.alloc(5120),
        ]);
        const expected = await readContent(repackTar([foreign] as never, { name: "stream" }));
        const { bytes, seen } = await repacked(foreign, 300 * pieceBlocks);
        expect(bytes.equals(expected)).toBe(true);
        expect(seen.equals(expected)).toBe(true);
      },
    ),
    { numRuns: 80 },
  );
});

test("whatever bytes are changed, it does and refuses the same as the stream", async () => {
  const names = ["a", "dir/", "dir/b", "c", "d", "e"];
  const sound = Buffer.concat([
    bytesOf(file("a", "one")),
    encodeHeader({ ...METADATA, type: "directory", path: "dir" as ByteString }),
    encodeHeader({ ...METADATA, type: "symlink", path: "dir/b" as ByteString, target: "../a" as ByteString }),
    encodeHeader({ ...METADATA, type: "hardlink", path: "c" as ByteString, target: "a" as ByteString }),
    encodeHeader({ ...METADATA, type: "fifo", path: "d" as ByteString }),
    bytesOf(file("e", "x".repeat(600))),
    Buffer.alloc(1024),
  ]);
  const change = fc.tuple(
    fc.nat(names.length),
    fc.oneof(fc.nat(511), fc.integer({ min: 0, max: 8 }), fc.integer({ min: 100, max: 175 })),
    fc.oneof(fc.nat(255), fc.constantFrom(0, 0x2e, 0x2f, 0x30, 0x31, 0x37, 0x38)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), async (changes, mendChecksums) => {
      const bytes = Buffer.from(sound);
      for (const [block, place, byte] of changes) bytes[block * 512 + place] = byte;
      if (mendChecksums) for (const at of [0, 2, 3, 4, 5, 6]) mend(bytes, at * 512);
      const expected = await outcome(readContent(repackTar([bytes] as never, { name: "x" })));
      expect(await outcome(repacked(bytes, 10_000).then((result) => result.bytes))).toEqual(expected);
    }),
    { numRuns: Number(process.env["BASE_KIT_RANDOM_CASES"] ?? 500) },
  );
});

test("an archive that is right is left alone; headers of another length make it another file", async () => {
  const right = await readContent(writeTar([file("a", "one"), file("b".repeat(150), ""), file("c", "x".repeat(3000))]));
  writeFileSync(path, Buffer.concat([right, Buffer.alloc(9000)]));
  const { ino } = statSync(path);
  await repackTarFile(path, { name: "a" });
  expect(readFileSync(path).equals(right)).toBe(true);
  expect(statSync(path).ino).toBe(ino);
  writeFileSync(path, Buffer.concat([withUser(right), Buffer.alloc(512)]));
  await repackTarFile(path, { name: "a" });
  expect(readFileSync(path).equals(right)).toBe(true);
  expect(statSync(path).ino).toBe(ino);
  writeFileSync(path, Buffer.concat([withComment(right), Buffer.alloc(512)]));
  chmodSync(path, 0o600);
  await repackTarFile(path, { name: "a" });
  expect(readFileSync(path).equals(right)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("entries are told with the places of their headers", async () => {
  const long = "d".repeat(120);
  const entries: Entry[] = [
    { ...METADATA, type: "directory", path: "" as ByteString },
    file("a", "one"),
    file("big", "y".repeat(2_500_000)),
    { ...METADATA, type: "directory", path: "c" as ByteString },
    { ...METADATA, type: "symlink", path: "c/l" as ByteString, target: "../a" as ByteString },
    file(`c/${long}`, "two"),
    { ...METADATA, type: "hardlink", path: "d" as ByteString, target: "a" as ByteString },
    { ...METADATA, type: "fifo", path: "n".repeat(100) as ByteString },
    { ...file("o", "three"), mtime: 8 ** 11 },
  ];
  const right = await readContent(writeTar(entries));
  for (const bytes of [right, withComment(right)]) {
    writeFileSync(path, bytes);
    const found: [EntryHead, number][] = [];
    await repackTarFile(path, { name: "a", onEntry: (entry, headersAt) => void found.push([entry, headersAt]) });
    const heads = entries.map((entry) => ({ size: 0, ...entry }));
    const keys = ["path", "type", "size", "mtime"] as const;
    const picked = (each: EntryHead) => keys.map((key) => each[key]);
    expect(found.map(([head]) => picked(head))).toEqual(heads.map(picked));
    const archive = tarFile(path);
    const all = await Promise.all(archive.entries().map(described));
    expect(all).toEqual(await Promise.all(heads.map(described)));
    for (const [index, [, headersAt]] of found.entries()) {
      expect(await described(archive.entryAt(headersAt))).toEqual(all[index]);
    }
    expect(() => archive.entryAt(right.length - 1024)).toThrow(RangeError);
  }
});

/** With the content instead of the function that gives it. */
async function described({ ...entry }: Entry | FileEntry): Promise<unknown> {
  if (entry.type !== "file") return entry;
  const { content, ...rest } = entry;
  return { ...rest, content: (await readContent(content() as never)).toString("latin1"), text: undefined };
}

test("a time of 0 is asked for, and may need another header", async () => {
  const sound = await readContent(writeTar([file("a", "one"), { ...file("b", "two"), mtime: 0 }, file("c", "three")]));
  writeFileSync(path, sound);
  await repackTarFile(path, { name: "a", timeless: (entry) => ({ ...entry, mtime: -5 }) });
  const expected = await readContent(
    writeTar([file("a", "one"), { ...file("b", "two"), mtime: -5 }, file("c", "three")]),
  );
  expect(readFileSync(path).equals(expected)).toBe(true);
});

test("a failure of the writer is what is thrown, and a cut archive is refused", async () => {
  const sound = await readContent(writeTar([file("a", "x".repeat(3000))]));
  const fails = async () => {
    throw new Error("the writer died");
  };
  writeFileSync(path, sound.subarray(0, 1000));
  await expect(repackTarFile(path, { name: "a", more: fails })).rejects.toThrow("the writer died");
  for (const length of [0, 300, 512, 1000, 3584, sound.length - 1024]) {
    writeFileSync(path, sound.subarray(0, length));
    await expect(repackTarFile(path, { name: "a" })).rejects.toMatchObject({ code: "TAR_TRUNCATED" });
  }
});

/** Repacks a file that grows by pieces while it is read. */
async function repacked(bytes: Buffer, piece: number): Promise<{ bytes: Buffer; seen: Buffer }> {
  rmSync(path, { force: true });
  writeFileSync(path, "");
  // As the program that writes has it: open, whatever becomes of the name.
  const writer = openSync(path, "r+");
  const seen: Buffer[] = [];
  let written = 0;
  try {
    await repackTarFile(path, {
      name: "x",
      more: async () => {
        if (written === bytes.length) return false;
        written += writeSync(writer, bytes, written, Math.min(piece, bytes.length - written), written);
        return true;
      },
      onBytes: (chunk) => void seen.push(Buffer.from(chunk)),
    });
  } finally {
    closeSync(writer);
  }
  return { bytes: readFileSync(path), seen: Buffer.concat(seen) };
}

async function outcome(work: Promise<Buffer>): Promise<string> {
  return work.then(
    (bytes) => bytes.toString("latin1"),
    (error) => String(error.code ?? error),
  );
}

/** What other tools do differently to the bytes of one entry. */
const MAKERS: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => bytes,
  (bytes) => bytes,
  (bytes) => withUser(bytes),
  (bytes) => withComment(bytes),
  (bytes) => withDot(bytes),
  (bytes) => withDirtyPadding(bytes),
];

function withUser(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  // An extended header's own block may say anything too.
  copy.write("root", 265, "latin1");
  return mend(copy, 0);
}

/** A pax header that says nothing; an entry that has one already can have no second. */
function withComment(bytes: Buffer): Buffer {
  if (bytes[156] === 0x78) return bytes;
  const text = "15 comment=abc\n";
  const block = Buffer.from(encodeHeader({ ...file("pax", ""), size: text.length }));
  block.write("x", 156, "latin1");
  return Buffer.concat([mend(block, 0), Buffer.alloc(512, text.padEnd(512, "\0")), bytes]);
}

function withDot(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const name = copy.subarray(0, 97).toString("latin1");
  if (copy[156] === 0x78 || copy[96] !== 0 || name.startsWith("./")) return bytes;
  copy.write(`./${name}`, 0, 99, "latin1");
  return mend(copy, 0);
}

function withDirtyPadding(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy[156] === 0x30 && Number.parseInt(copy.toString("latin1", 124, 135), 8) % 512 > 0) copy[copy.length - 1] = 7;
  return copy;
}

function mend(bytes: Buffer, at: number): Buffer {
  bytes.fill(0x20, at + 148, at + 156);
  const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  return bytes;
}

function bytesOf(entry: Entry & { readonly text?: string }): Buffer {
  const content = Buffer.from(entry.text ?? "");
  return Buffer.concat([encodeHeader(entry), content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const METADATA = { mode: 0o644, uid: 0, gid: 0, mtime: 100 };

function file(name: string, text: string): Entry & { readonly type: "file"; readonly text: string } {
  const bytes = Buffer.from(text);
  return { ...METADATA, type: "file", path: name as ByteString, size: bytes.length, content: () => [bytes], text };
}

function anyEntry(): fc.Arbitrary<Entry & { readonly text?: string }> {
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z._-]{1,12}$/).filter((text) => !/^\.\.?$/.test(text)) },
    fc.constantFrom("n".repeat(99), "n".repeat(100), "n".repeat(101), "caf\xe9", ".hidden"),
  );
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/") as ByteString);
  const metadata = {
    path,
    mode: fc.nat(0o7777),
    uid: fc.oneof(fc.nat(2_097_151), fc.constant(2_097_152)),
    gid: fc.nat(2_097_151),
    mtime: fc.oneof(fc.nat(4_000_000_000), fc.constantFrom(-1, 0, 8 ** 11 - 1, 8 ** 11)),
  };
  return fc.oneof(
    fc.record({ ...metadata, type: fc.constant("directory" as const) }),
    fc.record({ ...metadata, type: fc.constant("symlink" as const), target: path }),
    fc.record({ ...metadata, type: fc.constant("hardlink" as const), target: path }),
    fc.record({ ...metadata, type: fc.constant("character-device" as const), major: fc.nat(9), minor: fc.nat(9) }),
    fc
      .record({ ...metadata, type: fc.constant("file" as const), text: fc.string({ maxLength: 1500 }) })
      .map(({ text, ...rest }) => {
        const bytes = Buffer.from(text);
        return { ...rest, size: bytes.length, content: () => [bytes], text };
      }),
  );
}
