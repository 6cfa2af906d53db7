import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newApkKey } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trustedKeys } from "../src/keys.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "alpine-keys-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const trusted = (architecture: string, keyring: string | undefined, producer = "alpine") =>
  trustedKeys({ producer, architecture, keyring });
const pem = { type: "spki", format: "pem" } as const;

describe("trusted for an architecture are", () => {
  test("Alpine's keys for it and no others", async () => {
    const [x86, arm] = [await trusted("x86_64", undefined), await trusted("aarch64", undefined)];
    expect(x86.size).toBeGreaterThan(1);
    expect(arm.size).toBeGreaterThan(1);
    expect([...x86.keys()].filter((name) => arm.has(name))).toEqual([]);
  });

  test("for Wolfi none of Alpine's", async () => {
    const { name, publicPem } = newApkKey("wolfi-signing.rsa.pub");
    expect([...(await trusted("x86_64", written(name, publicPem), "wolfi")).keys()]).toEqual([name]);
    rmSync(join(folder, name));
  });

  test("those of a file or a folder besides, under their names", async () => {
    const [one, two] = [newApkKey("one@example.org.rsa.pub"), newApkKey("two@example.org.rsa.pub")];
    const own = join(folder, "own");
    mkdirSync(own);
    for (const { name, publicPem } of [one, two]) writeFileSync(join(own, name), publicPem);
    writeFileSync(join(own, "README"), "not a key");
    const alpine = (await trusted("x86_64", undefined)).size;
    expect((await trusted("x86_64", join(own, one.name))).size).toBe(alpine + 1);
    const all = await trusted("x86_64", own);
    expect(all.size).toBe(alpine + 2);
    expect(all.get(two.name)?.export(pem)).toBe(two.publicPem);
  });
});

describe("a key is refused", () => {
  test.each<[string, () => string]>([
    ["that is private", () => newApkKey().privateKey.export({ type: "pkcs8", format: "pem" }) as string],
    ["of 1024 bits", () => generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export(pem) as string],
    ["that is not RSA", () => generateKeyPairSync("ed25519").publicKey.export(pem) as string],
    ["that is something else", () => "<html>"],
    ["that is empty", () => ""],
  ])("%s", async (_, content) => {
    const path = written("bad.rsa.pub", content());
    const error = { code: "KEYRING_INVALID", kind: "usage", message: expect.stringContaining("bad.rsa.pub") };
    await expect(trusted("x86_64", path)).rejects.toMatchObject(error);
    await expect(trusted("x86_64", folder)).rejects.toMatchObject(error);
  });

  test("that is not there", async () => {
    await expect(trusted("x86_64", join(folder, "no"))).rejects.toMatchObject({ code: "KEYRING_INVALID" });
  });
});
