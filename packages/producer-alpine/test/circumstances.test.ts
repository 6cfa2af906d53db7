import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lock, parsePlatform } from "@base-kit/core";
import { expect, test } from "vitest";
import { circumstances } from "../src/circumstances.ts";

const MINIROOTFS = { name: "alpine-minirootfs-3.20.3-x86_64.tar.gz", url: "https://example.org/a.tar.gz" };
const PACKAGE = { name: "a-1-r0.apk", url: "https://example.org/a.apk" };

function lock(inputs: Lock["inputs"], options: Lock["options"] = {}): Lock {
  const platform = parsePlatform("amd64");
  return { lockVersion: 1, producer: "alpine", release: "3.20", platform, sourceDateEpoch: 1, inputs, options };
}

function newKey(): string | Buffer {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return publicKey.export({ type: "spki", format: "pem" });
}

test("an image with packages depends on whether this machine can run its scripts, if they are to run", async () => {
  const at = (platform: string, options: Lock["options"] = {}) =>
    circumstances(
      { ...lock([PACKAGE], options), platform: parsePlatform(platform) },
      { host: parsePlatform("amd64"), binfmt: "/nowhere" },
    );
  expect(await at("amd64")).toMatch(/, scripts run$/);
  expect(await at("arm64")).toMatch(/, scripts do not run$/);
  expect(await at("amd64", { configure: "none" })).toMatch(/, scripts do not run$/);
});

test("an image with packages depends on the keys that they were checked by, and the mini root filesystem alone does not", async () => {
  const dir = mkdtempSync(join(tmpdir(), "alpine-keys-"));
  const keyring = join(dir, "a.rsa.pub");
  try {
    writeFileSync(keyring, newKey());
    const withKey = await circumstances(lock([PACKAGE], { keyring }));
    expect(await circumstances(lock([PACKAGE], { keyring }))).toBe(withKey);
    expect(await circumstances(lock([PACKAGE]))).not.toBe(withKey);
    expect(await circumstances(lock([MINIROOTFS], { keyring }))).toBe(await circumstances(lock([MINIROOTFS])));
    writeFileSync(keyring, newKey());
    expect(await circumstances(lock([PACKAGE], { keyring }))).not.toBe(withKey);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
