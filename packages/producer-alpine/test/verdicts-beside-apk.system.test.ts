import { createHash, createPublicKey } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  apkSignature,
  apkStanza,
  locationOf,
  makeApk,
  makeApkIndex,
  newApkKey,
  requires,
  tarEntry,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readIndex } from "../src/apk/index-file.ts";
import { readApk } from "../src/apk/package-file.ts";
import { type RealApk, unpackMinirootfs } from "./real-apk.ts";

const key = newApkKey();
const other = newApkKey("other@example.org-1.rsa.pub");
const impostor = { ...newApkKey(), name: key.name };
const keys = new Map([[key.name, createPublicKey(key.publicPem)]]);
const described = { name: "hello", files: { "usr/bin/hello": "#!/bin/sh\n", "usr/bin/hi": "-> hello" } };

/** Of apk and of ours. */
type Verdict = "taken" | "refused";

const [signature, control, data] = makeApk(described, key).parts as [Buffer, Buffer, Buffer];
const resigned = (bytes: Buffer) => Buffer.concat([apkSignature(bytes, key), bytes]);
const halves = (member: Buffer, at: number) => {
  const tar = gunzipSync(member);
  return [gzipSync(tar.subarray(0, at)), gzipSync(tar.subarray(at))] as const;
};

const PACKAGES: readonly (readonly [string, Buffer, Verdict])[] = [
  ["as abuild makes it", Buffer.concat([signature, control, data]), "taken"],
  ["signed with SHA-256", makeApk(described, key, "RSA256").bytes, "taken"],
  ["signed with SHA-512", makeApk(described, key, "RSA512").bytes, "taken"],
  ["signed by several", Buffer.concat([apkSignature(control, other), signature, control, data]), "taken"],
  ["not signed", Buffer.concat([control, data]), "refused"],
  ["signed by somebody", makeApk(described, other).bytes, "refused"],
  ["signed by an impostor", makeApk(described, impostor).bytes, "refused"],
  ["with the signature of its data", Buffer.concat([apkSignature(data, key), control, data]), "refused"],
  ["with other data", Buffer.concat([signature, control, makeApk({ name: "x" }, key).parts[2] as Buffer]), "refused"],
  ["without data", Buffer.concat([signature, control]), "refused"],
  ["cut off", Buffer.concat([signature, control, data.subarray(0, -9)]), "refused"],
  [
    "with a description in two members",
    Buffer.concat([apkSignature(Buffer.concat(halves(control, 100)), key), ...halves(control, 100), data]),
    "refused",
  ],
  ["of one byte", Buffer.alloc(1), "refused"],
];

const line = apkStanza(described, { checksum: `Q1${"A".repeat(27)}=`, size: 1000 });
const index = makeApkIndex([line], key);
const signed = index.subarray(index.indexOf(Buffer.from([0x1f, 0x8b]), 10));

const INDEXES: readonly (readonly [string, Buffer, Verdict])[] = [
  ["as apk makes it", index, "taken"],
  ["signed with SHA-256", Buffer.concat([apkSignature(signed, key, "RSA256"), signed]), "taken"],
  ["signed by several", Buffer.concat([apkSignature(signed, other), apkSignature(signed, key), signed]), "taken"],
  ["of several members", resigned(Buffer.concat(halves(signed, 777))), "taken"],
  ["not signed", signed, "refused"],
  ["signed by somebody", makeApkIndex([line], other), "refused"],
  ["signed by an impostor", makeApkIndex([line], impostor), "refused"],
  ["with the signature of another one", Buffer.concat([apkSignature(gzipSync("x"), key), signed]), "refused"],
  [
    "with something behind it",
    Buffer.concat([index, gzipSync(tarEntry({ path: "APKINDEX", content: line }))]),
    "refused",
  ],
  [
    "with an unsigned list among its signatures",
    Buffer.concat([
      gzipSync(Buffer.concat([gunzipSync(apkSignature(signed, key)), tarEntry({ path: "APKINDEX", content: line })])),
      signed,
    ]),
    "refused",
  ],
  ["cut off", index.subarray(0, -9), "refused"],
  ["whose tar has no end", resigned(gzipSync(tarEntry({ path: "APKINDEX", content: line }))), "taken"],
];

const isTaken = async (read: () => unknown) => {
  try {
    await read();
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(requires("alpine-mirror", "root", "tar").skip)("apk itself", () => {
  let real: RealApk;
  let packages: readonly string[];
  let indexes: readonly string[];
  beforeAll(() => {
    real = unpackMinirootfs(locationOf("alpine-mirror").replace(/^file:\/\//, ""));
    writeFileSync(join(real.root, "etc/apk/keys", key.name), key.publicPem);
    writeFileSync(join(real.root, "etc/apk/repositories"), "");
    const commands = [
      ...PACKAGES.map(([, bytes], at) => {
        writeFileSync(join(real.root, `${at}.apk`), bytes);
        return `apk verify /${at}.apk`;
      }),
      ...INDEXES.map(([, bytes], at) => {
        mkdirSync(join(real.root, `${at}/x86_64`), { recursive: true });
        writeFileSync(join(real.root, `${at}/x86_64/APKINDEX.tar.gz`), bytes);
        return `apk --repository /${at} search --exact hello`;
      }),
    ];
    const answers = real.run(commands.map((each) => `${each} 2>&1; echo =`).join("\n")).output.split("=\n");
    packages = answers.slice(0, PACKAGES.length);
    indexes = answers.slice(PACKAGES.length);
  });
  afterAll(() => real.remove());

  test.each(PACKAGES.map(([what, bytes, verdict], at) => [what, at, bytes, verdict] as const))(
    "on a package %s",
    async (_, at, bytes, verdict) => {
      const expected = {
        name: "hello",
        version: "1.0-r0",
        architecture: "x86_64",
        checksum: checksumOf(bytes),
      };
      expect(packages[at]?.includes(": 0 - OK"), packages[at]).toBe(verdict === "taken");
      expect(await isTaken(() => readApk(bytes, { file: "hello.apk", keys, expected, limit: 2 ** 20 }))).toBe(
        verdict === "taken",
      );
    },
  );

  test.each(INDEXES.map(([what, bytes, verdict], at) => [what, at, bytes, verdict] as const))(
    "on an index %s",
    async (_, at, bytes, verdict) => {
      // It may list packages before it finds out, and says so.
      expect(indexes[at]?.includes("WARNING: opening"), indexes[at]).toBe(verdict === "refused");
      expect(await isTaken(() => readIndex(bytes, { name: "APKINDEX", keys }))).toBe(verdict === "taken");
    },
  );
});

/** Of the description as it is in the file, so that only what apk looks at decides. */
function checksumOf(bytes: Buffer): string {
  const at = bytes.indexOf(control);
  const member = at < 0 ? bytes : control;
  return `Q1${createHash("sha1").update(member).digest("base64")}`;
}
