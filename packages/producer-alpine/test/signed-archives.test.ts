import { createPublicKey, randomBytes, sign } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gunzipSync, gzipSync } from "node:zlib";
import { isBaseKitError } from "@base-kit/core";
import { apkSignature, apkStanza, makeApk, makeApkIndex, newApkKey, tarEntry } from "@base-kit/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gzipMembers, gzipPieces, unpackedAtMost } from "../src/apk/gzip-members.ts";
import { readIndex } from "../src/apk/index-file.ts";
import { readApk } from "../src/apk/package-file.ts";

const key = newApkKey();
const other = newApkKey("other@example.org-1.rsa.pub");
const impostor = { ...newApkKey(key.name), name: key.name };
const keys = new Map([[key.name, createPublicKey(key.publicPem)]]);
const described = {
  name: "hello",
  version: "1.0-r0",
  files: { "usr/bin/hello": "#!/bin/sh\n", "usr/bin/hi": "-> hello" },
};
const built = makeApk(described, key);
const expected = { name: "hello", version: "1.0-r0", architecture: "x86_64", checksum: built.checksum };
/** Zeros: 640 MiB in all. */
const BOMB = Buffer.concat(Array<Buffer>(40).fill(gzipSync(Buffer.alloc(2 ** 24))));
const SIGNATURE_BOMB = gzipSync(tarEntry({ path: `.SIGN.RSA.${key.name}`, content: Buffer.alloc(2 ** 20) }));
const open = (bytes: Buffer, changes = {}) =>
  readApk(bytes, { file: "hello-1.0-r0.apk", keys, expected: { ...expected, ...changes }, limit: 2 ** 20 });

describe("a package", () => {
  test.each(["RSA", "RSA256", "RSA512"] as const)("signed with %s is opened", (algorithm) => {
    const { contents } = open(makeApk(described, key, algorithm).bytes);
    expect(contents.members.map(({ path, type }) => `${type} ${path}`)).toEqual([
      "directory usr",
      "directory usr/bin",
      "file usr/bin/hello",
      "symlink usr/bin/hi",
    ]);
    // printf '#!/bin/sh\n' | openssl sha1 -binary | base64
    expect(contents.members[2]?.checksum).toBe("Q1vZcb7IgUmVZFihD8nF7LPrmd1FI=");
  });

  const large = makeApk({ ...described, files: { big: "0".repeat(2 ** 21) } }, key);
  const [signature, control, data] = built.parts as [Buffer, Buffer, Buffer];
  const again = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(0)]);
  test.each<[string, Buffer, object, string]>([
    ["that is not signed", Buffer.concat([control, data]), {}, "APK_UNSIGNED"],
    ["signed with a key that nobody trusts", makeApk(described, other).bytes, {}, "APK_UNKNOWN_KEY"],
    ["signed under the name of a trusted key", makeApk(described, impostor).bytes, {}, "APK_BAD_SIGNATURE"],
    [
      "whose signature is of its data",
      Buffer.concat([apkSignature(data, key), control, data]),
      {},
      "APK_BAD_SIGNATURE",
    ],
    [
      "with another control member",
      Buffer.concat([signature, makeApk({ ...described, origin: "x" }, key).parts[1] as Buffer, data]),
      {},
      "APK_BAD_SIGNATURE",
    ],
    [
      "with other data",
      Buffer.concat([signature, control, makeApk({ ...described, files: { evil: "x" } }, key).parts[2] as Buffer]),
      {},
      "APK_MISMATCH",
    ],
    ["with data behind its data", Buffer.concat([built.bytes, gzipSync("more")]), {}, "APK_MISMATCH"],
    ["without its data", Buffer.concat([signature, control]), {}, "APK_MISMATCH"],
    [
      "that the index knows by another checksum",
      again(built.bytes),
      { checksum: `Q1${"A".repeat(27)}=` },
      "APK_MISMATCH",
    ],
    ["that the index knows by another name", again(built.bytes), { name: "goodbye" }, "APK_MISMATCH"],
    ["that the index knows by another version", again(built.bytes), { version: "2" }, "APK_MISMATCH"],
    ["that the index has for another architecture", again(built.bytes), { architecture: "aarch64" }, "APK_MISMATCH"],
    ["cut off", built.bytes.subarray(0, built.bytes.length - 5), {}, "APK_MISMATCH"],
    ["cut off in its description", built.bytes.subarray(0, signature.length + control.length - 5), {}, "APK_ARCHIVE"],
    ["with garbage behind it", Buffer.concat([built.bytes, Buffer.from("garbage")]), {}, "APK_MISMATCH"],
    ["whose data is a bomb that nobody signed", Buffer.concat([signature, control, BOMB]), {}, "APK_MISMATCH"],
    ["whose description is a bomb", Buffer.concat([apkSignature(BOMB, key), BOMB, data]), {}, "APK_ARCHIVE"],
    ["whose signature is a bomb", Buffer.concat([SIGNATURE_BOMB, built.bytes]), {}, "APK_ARCHIVE"],
    [
      "with a description among its signatures",
      Buffer.concat([gzipSync(Buffer.concat([gunzipSync(signature), gunzipSync(control)])), control, data]),
      {},
      "APK_ARCHIVE",
    ],
    ["that is something else", Buffer.from("<html>"), {}, "APK_ARCHIVE"],
    ["that is empty", Buffer.alloc(0), {}, "APK_INVALID"],
    ["that unpacks to far too much", large.bytes, { checksum: large.checksum }, "APK_ARCHIVE"],
  ])("%s is refused", (_, bytes, changes, code) => {
    expect(() => open(bytes, changes)).toThrow(expect.objectContaining({ code, kind: "verification" }));
  });

  test("may be as large as a buffer, whatever its size", () => {
    const limit = unpackedAtMost(2 ** 30);
    expect([...gzipMembers(gzipSync("x"), { name: "large.apk", limit })]).toHaveLength(1);
  });

  test.each([
    ["../escape", "TAR_NAME"],
    ["usr/../../escape", "TAR_NAME"],
    ["usr/a\nb", "APK_INVALID"],
  ])("with the name %j is refused", (path, code) => {
    const bad = makeApk({ ...described, files: { [path]: "x" } }, key);
    expect(() => open(bad.bytes, { checksum: bad.checksum })).toThrow(expect.objectContaining({ code }));
  });

  test("one flipped bit is always noticed, as one clear error", () => {
    fc.assert(
      fc.property(fc.nat(built.bytes.length - 1), fc.nat(7), (at, bit) => {
        const bytes = Buffer.from(built.bytes);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        try {
          const { contents } = open(bytes);
          // Header bytes such as the time or the operating system of the signature's member are in nobody's digest.
          expect(at).toBeLessThan(signature.length);
          expect(contents.info.name).toBe("hello");
        } catch (error) {
          expect(isBaseKitError(error), String(error)).toBe(true);
        }
      }),
      { numRuns: Number(process.env["BASE_KIT_RANDOM_CASES"] ?? 300) },
    );
  });
});

describe("an index", () => {
  const line = apkStanza(described, { checksum: built.checksum, size: built.bytes.length });
  const read = (bytes: Buffer) => readIndex(bytes, { name: "APKINDEX", keys });

  test("gives its packages, and says of others why not", async () => {
    const index = await read(
      makeApkIndex([line, line.replace("P:hello", "P:../x"), line.replace("V:1.0-r0", "V:new")], key),
    );
    expect(index.packages.map(({ name, version }) => `${name} ${version}`)).toEqual(["hello 1.0-r0"]);
    expect(index.unusable).toHaveLength(2);
    expect(index.signer).toBe(key.name);
  });

  const whole = makeApkIndex([line], key);
  const member = whole.subarray(whole.indexOf(Buffer.from([0x1f, 0x8b]), 10));
  const signature = (made: Buffer, path = `.SIGN.RSA.${key.name}`) => gzipSync(tarEntry({ path, content: made }));
  const rsa = (algorithm: string, signed: Buffer) => sign(algorithm, signed, key.privateKey);
  const signedBy = (...signatures: readonly Buffer[]) => Buffer.concat([...signatures, member]);

  test.each<[string, () => Buffer]>([
    ["one signature", () => whole],
    ["a signature with SHA-256", () => signedBy(apkSignature(member, key, "RSA256"))],
    ["a signature with SHA-512", () => signedBy(apkSignature(member, key, "RSA512"))],
    ["signatures with both", () => signedBy(apkSignature(member, key), apkSignature(member, key, "RSA256"))],
    ["one of several, while keys are changed", () => signedBy(apkSignature(member, other), apkSignature(member, key))],
    [
      "one beside one of a kind that is not known",
      () => signedBy(signature(Buffer.alloc(9), ".SIGN.ED448.x"), apkSignature(member, key)),
    ],
    [
      "one of members that are not compressed",
      () => {
        const plain = gzipSync(gunzipSync(member), { level: 0 });
        const by = gzipSync(gunzipSync(apkSignature(plain, key)), { level: 0 });
        return Buffer.concat([by, plain]);
      },
    ],
    ...[1, 511, 513, 777].map((at): [string, () => Buffer] => [
      `a signature of several members, split at byte ${at}`,
      () => {
        const tar = gunzipSync(member);
        const parts = Buffer.concat([gzipSync(tar.subarray(0, at)), gzipSync(tar.subarray(at))]);
        return Buffer.concat([apkSignature(parts, key), parts]);
      },
    ]),
  ])("is believed by %s", async (_, bytes) => {
    expect((await read(bytes())).packages.map(({ name }) => name)).toEqual(["hello"]);
  });

  test.each<[string, () => Buffer, string]>([
    ["without a signature", () => member, "APK_UNSIGNED"],
    [
      "with a signature of a kind that is not known",
      () => signedBy(signature(rsa("sha1", member), `.SIGN.DSA.${key.name}`)),
      "APK_UNSIGNED",
    ],
    [
      "with a key's name that leads elsewhere",
      () => signedBy(signature(rsa("sha1", member), `.SIGN.RSA.../${key.name}`)),
      "APK_UNSIGNED",
    ],
    ["with an unknown key's", () => makeApkIndex([line], other), "APK_UNKNOWN_KEY"],
    ["with an impostor's", () => makeApkIndex([line], impostor), "APK_BAD_SIGNATURE"],
    [
      "with an impostor's before a good one",
      () => signedBy(apkSignature(member, impostor), apkSignature(member, key, "RSA256")),
      "APK_BAD_SIGNATURE",
    ],
    ["with an empty signature", () => signedBy(signature(Buffer.alloc(0))), "APK_BAD_SIGNATURE"],
    [
      "with a signature that is cut off",
      () => signedBy(signature(rsa("sha1", member).subarray(0, -1))),
      "APK_BAD_SIGNATURE",
    ],
    [
      "with a signature of another kind than it says",
      () => signedBy(signature(rsa("sha1", member), `.SIGN.RSA256.${key.name}`)),
      "APK_BAD_SIGNATURE",
    ],
    ["with the signature of another one", () => signedBy(apkSignature(gzipSync("other"), key)), "APK_BAD_SIGNATURE"],
    [
      "with the signature of what it unpacks to",
      () => signedBy(apkSignature(gunzipSync(member), key)),
      "APK_BAD_SIGNATURE",
    ],
    ["with something unsigned behind it", () => Buffer.concat([whole, gzipSync("more")]), "APK_BAD_SIGNATURE"],
    [
      "with something unsigned before it",
      () => signedBy(apkSignature(member, key), gzipSync("more")),
      "APK_BAD_SIGNATURE",
    ],
    [
      "with packages among its signatures",
      () => signedBy(gzipSync(Buffer.concat([gunzipSync(apkSignature(member, key)), gunzipSync(member)]))),
      "APK_ARCHIVE",
    ],
    ["cut off", () => whole.subarray(0, -9), "APK_BAD_SIGNATURE"],
    ["that is a bomb, signed by nobody", () => BOMB, "APK_UNSIGNED"],
    ["that is a bomb, signed by somebody", () => Buffer.concat([apkSignature(BOMB, other), BOMB]), "APK_UNKNOWN_KEY"],
    ["whose signature is a bomb", () => signedBy(SIGNATURE_BOMB), "APK_ARCHIVE"],
    [
      "that is a bomb all the same",
      () => {
        const bomb = BOMB.subarray(0, (BOMB.length / 40) * 6);
        return Buffer.concat([apkSignature(bomb, key), bomb]);
      },
      "APK_ARCHIVE",
    ],
    [
      "without a list",
      () => {
        const empty = gzipSync(Buffer.concat([tarEntry({ path: "DESCRIPTION", content: "x" }), Buffer.alloc(1024)]));
        return Buffer.concat([apkSignature(empty, key), empty]);
      },
      "APK_INDEX",
    ],
  ])("%s is refused", async (_, bytes, code) => {
    await expect(read(bytes())).rejects.toThrow(expect.objectContaining({ code, kind: "verification" }));
  });

  const members = fc.array(fc.uint8Array({ maxLength: 2 ** 12 }), { minLength: 1, maxLength: 4 });
  test("is unpacked in pieces to what it is as a whole", async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.nat(700), async (contents, repeat) => {
        const file = Buffer.concat(contents.map((bytes) => gzipSync(Buffer.concat(Array(repeat).fill(bytes)))));
        const options = { name: "x", limit: 2 ** 25 };
        const pieces: Buffer[] = [];
        for await (const piece of gzipPieces(file, options)) pieces.push(piece);
        const whole = Buffer.concat([...gzipMembers(file, options)].map(({ bytes }) => bytes));
        expect(Buffer.concat(pieces).equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("that is damaged is noticed in pieces as it is as a whole", async () => {
    const file = Buffer.concat([gzipSync("first"), gzipSync(Buffer.alloc(2 ** 20, "second")), gzipSync("third")]);
    const verdict = async (read: () => unknown) => {
      try {
        await read();
        return "right";
      } catch (error) {
        return isBaseKitError(error) ? error.code : String(error);
      }
    };
    const change = fc.oneof(
      fc.record({ at: fc.nat(file.length - 1), bit: fc.nat(7) }).map(({ at, bit }) => {
        const bytes = Buffer.from(file);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        return bytes;
      }),
      fc.nat(file.length - 1).map((length) => file.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => Buffer.concat([file, bytes])),
    );
    await fc.assert(
      fc.asyncProperty(change, async (bytes) => {
        const options = { name: "x", limit: 2 ** 22 };
        const inPieces = await verdict(async () => {
          for await (const _ of gzipPieces(bytes, options));
        });
        expect(inPieces).toBe(await verdict(() => [...gzipMembers(bytes, options)]));
      }),
      { numRuns: 300 },
    );
  });

  const list = (tar: Buffer) => {
    const packed = gzipSync(tar);
    return Buffer.concat([apkSignature(packed, key), packed]);
  };
  test("may be a tar without an end, as all of a signed archive but its last member are", async () => {
    const tar = tarEntry({ path: "APKINDEX", content: line });
    expect((await read(list(tar))).packages).toHaveLength(1);
  });

  test("whose list is cut off is not taken for one that ends in zeros", async () => {
    const tar = tarEntry({ path: "APKINDEX", content: line }).subarray(0, 512 + line.length - 1);
    await expect(read(list(tar))).rejects.toThrow(expect.objectContaining({ code: "TAR_TRUNCATED" }));
  });

  test("is not held as a whole", async () => {
    const stanza = `P:other\nT:${randomBytes(2 ** 13).toString("base64")}\n\n`;
    const bytes = makeApkIndex([line, stanza.repeat(2 ** 13)], key);
    // What making it left behind is given back by a thread of the collector's.
    setFlagsFromString("--expose-gc");
    for (let round = 0; round < 5; round++) {
      runInNewContext("gc")();
      await setTimeout(20);
    }
    const before = process.memoryUsage().arrayBuffers;
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(process.memoryUsage().arrayBuffers - before), 1);
    await read(bytes);
    clearInterval(timer);
    expect(samples.length).toBeGreaterThan(10);
    expect(Math.max(...samples)).toBeLessThan(stanza.length * 2 ** 12);
  });

  test("lines of a megabyte are no problem", async () => {
    const index = await read(makeApkIndex([line.replace("T:hello for tests", `T:${"x".repeat(2 ** 20)}`)], key));
    expect(index.packages).toHaveLength(1);
  });
});
