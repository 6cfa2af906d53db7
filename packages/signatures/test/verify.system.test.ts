import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGpgHome, type GpgHome, locationOf, requires, type SigningKey } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Keyring, loadKeyring, parseKeyring, verifyClearsigned, verifyDetached } from "../src/index.ts";
import { gpgv } from "./gpgv.ts";
import type { Verdict } from "./gpgv-status.ts";
import { keyStatements } from "./key-statements.ts";

const TEXT = "Origin: Debian\nSuite: stable\n- a line with a dash\n";
const LAST_YEAR = "20250301T000000";

/** What gpgv says where a refusal is a computation; where it is a judgement, gpgv lets it pass. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  SIGNATURE_UNKNOWN_KEY: "unknown-key",
  SIGNATURE_KEY_EXPIRED: "key-expired",
  SIGNATURE_KEY_REVOKED: "key-revoked",
  SIGNATURE_EXPIRED: "expired",
  SIGNATURE_BAD: "bad",
  SIGNATURE_FROM_FUTURE: "good",
};

describe.skipIf(requires("gpg", "gpgv").skip)("signatures by real keys", () => {
  let gpg: GpgHome;
  let keys: Record<
    "good" | "subkey" | "rsa" | "nist" | "rsa1024" | "dsa" | "old" | "expired" | "revoked" | "stranger",
    SigningKey
  >;
  let signedBeforeRevocation: string;
  let keyring: Keyring;
  const context = { clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => 0 } };

  beforeAll(() => {
    gpg = createGpgHome();
    keys = {
      good: gpg.generate(),
      subkey: gpg.generate({ algorithm: "rsa2048", subkey: "ed25519" }),
      rsa: gpg.generate({ algorithm: "rsa2048" }),
      nist: gpg.generate({ algorithm: "nistp256" }),
      rsa1024: gpg.generate({ algorithm: "rsa1024" }),
      dsa: gpg.generate({ algorithm: "dsa2048" }),
      expired: gpg.generate({ at: "20250101T000000", expires: "2025-06-01" }),
      old: gpg.generate({ at: "20250101T000000" }),
      revoked: gpg.generate(),
      stranger: gpg.generate(),
    };
    const { stranger: _, ...known } = keys;
    signedBeforeRevocation = gpg.clearsign(TEXT, { by: [keys.revoked] });
    gpg.revoke(keys.revoked);
    keyring = parseKeyring(gpg.exportKeys(Object.values(known)), "test.gpg");
  });
  afterAll(() => gpg[Symbol.dispose]());
  const verify = async (message: string, ring = keyring) =>
    verifyClearsigned(Buffer.from(message), { keyring: ring, subject: "the Release of test" }, context);

  test.each(["good", "subkey", "rsa", "nist"] as const)("one by the key %s is accepted", async (name) => {
    const { text, signatures } = await verify(gpg.clearsign(TEXT, { by: [keys[name]] }));
    expect(text).toBe(TEXT);
    expect(signatures).toMatchObject([
      { fingerprint: keys[name].signingFingerprint, primaryFingerprint: keys[name].fingerprint, hash: "sha256" },
    ]);
  });

  test.each(["SHA256", "SHA384", "SHA512"])("%s is sound", async (hash) => {
    const { signatures } = await verify(gpg.clearsign(TEXT, { by: [keys.good], hash }));
    expect(signatures[0]?.hash).toBe(hash.toLowerCase());
  });

  test("the kind of each key is what gpg says it is", () => {
    const names = [keys.good, keys.rsa, keys.nist, keys.rsa1024, keys.dsa].map(
      ({ fingerprint }) => keyring.keys.get(fingerprint)?.name,
    );
    expect(names).toEqual(["ed25519", "rsa2048", "nistp256", "rsa1024", "dsa2048"]);
  });

  test("one good signature is enough beside those of unknown, expired and weak keys", async () => {
    const others = [keys.stranger, keys.rsa1024];
    const message = gpg.clearsign(TEXT, { by: [...others, keys.good] });
    const expired = gpg.clearsign(TEXT, { by: [keys.expired], at: LAST_YEAR });
    const { signatures } = await verify(message + expired.slice(expired.indexOf("-----BEGIN PGP SIGNATURE")));
    expect(signatures.map(({ fingerprint }) => fingerprint)).toEqual([keys.good.fingerprint]);
  });

  test.each([
    ["an unknown key", "SIGNATURE_UNKNOWN_KEY", () => gpg.clearsign(TEXT, { by: [keys.stranger] })],
    ["an expired key", "SIGNATURE_KEY_EXPIRED", () => gpg.clearsign(TEXT, { by: [keys.expired], at: LAST_YEAR })],
    ["a revoked key", "SIGNATURE_KEY_REVOKED", () => signedBeforeRevocation],
    ["RSA with 1024 bits", "SIGNATURE_WEAK", () => gpg.clearsign(TEXT, { by: [keys.rsa1024] })],
    ["DSA", "SIGNATURE_WEAK", () => gpg.clearsign(TEXT, { by: [keys.dsa] })],
    ["SHA-1", "SIGNATURE_WEAK", () => gpg.clearsign(TEXT, { by: [keys.good], hash: "SHA1" })],
    ["RIPEMD-160", "SIGNATURE_WEAK", () => gpg.clearsign(TEXT, { by: [keys.good], hash: "RIPEMD160" })],
    [
      "a signature that ended",
      "SIGNATURE_EXPIRED",
      () => gpg.clearsign(TEXT, { by: [keys.old], at: LAST_YEAR, expires: "1d" }),
    ],
    ["a changed text", "SIGNATURE_BAD", () => gpg.clearsign(TEXT, { by: [keys.good] }).replace("stable", "bullet")],
    [
      "a good signature beside a bad one",
      "SIGNATURE_BAD",
      () => {
        const other = gpg.clearsign(`${TEXT}more\n`, { by: [keys.rsa] });
        return gpg.clearsign(TEXT, { by: [keys.good] }) + other.slice(other.indexOf("-----BEGIN PGP SIGNATURE"));
      },
    ],
    [
      "a signature from the future",
      "SIGNATURE_FROM_FUTURE",
      () => gpg.clearsign(TEXT, { by: [keys.good], at: "20990101T000000" }),
    ],
    ["no signature", "SIGNATURE_MISSING", () => TEXT],
    ["nothing at all", "SIGNATURE_MISSING", () => ""],
    ["a web page", "SIGNATURE_IS_HTML", () => "\n<!DOCTYPE html><title>Login</title>"],
    ["text before it", "SIGNATURE_UNSIGNED_TEXT", () => `Suite: evil\n${gpg.clearsign(TEXT, { by: [keys.good] })}`],
    ["text after it", "SIGNATURE_UNSIGNED_TEXT", () => `${gpg.clearsign(TEXT, { by: [keys.good] })}Suite: evil\n`],
    [
      "two messages",
      "SIGNATURE_SEVERAL_MESSAGES",
      () => gpg.clearsign(TEXT, { by: [keys.good] }) + gpg.clearsign(TEXT, { by: [keys.good] }),
    ],
    [
      "a message whose marker is followed by a blank",
      "SIGNATURE_UNSIGNED_TEXT",
      () => gpg.clearsign(TEXT, { by: [keys.good] }).replace("MESSAGE-----", "MESSAGE----- "),
    ],
    ["a cut off file", "OPENPGP_MALFORMED", () => gpg.clearsign(TEXT, { by: [keys.good] }).slice(0, -60)],
    ["a key instead of a signature", "OPENPGP_MALFORMED", () => withoutSignature(gpg.exportKeys([keys.good]))],
  ])("%s is refused: %s", async (_, code, makeMessage) => {
    const message = makeMessage();
    await expect(verify(message)).rejects.toMatchObject({
      code,
      message: expect.stringContaining("the Release of test"),
    });
    const verdict = VERDICTS[code];
    if (verdict) expect(gpgv([message], keyring).map((status) => status.verdict)).toContain(verdict);
  });

  test("a refusal names every key, what is wrong with it, and the keyring", async () => {
    const refused = verify(gpg.clearsign(TEXT, { by: [keys.rsa1024, keys.stranger] }));
    await expect(refused).rejects.toThrow(keys.stranger.fingerprint.slice(-16));
    await expect(refused).rejects.toThrow(/rsa1024, which is too weak/);
    await expect(refused).rejects.toThrow(/Keyring: test\.gpg/);
  });

  describe("detached", () => {
    const data = Buffer.from(TEXT);
    const check = async (signature: string | Uint8Array, signed: Uint8Array = data) =>
      verifyDetached(
        { data: signed, signature: Buffer.from(signature) },
        { keyring, subject: "the Release of test" },
        context,
      );

    test("armoured and binary are accepted", async () => {
      const armored = gpg.sign(TEXT, { by: [keys.good] });
      expect((await check(armored)).text).toBe(TEXT);
      const binary = execFileSync("gpg", ["--homedir", gpg.dir, "--dearmor"], {
        input: armored,
        stdio: ["pipe", "pipe", "ignore"],
      });
      expect((await check(binary)).signatures).toHaveLength(1);
    });

    test.each([
      ["of something else", "SIGNATURE_BAD", () => gpg.sign("other", { by: [keys.good] })],
      ["that is empty", "SIGNATURE_MISSING", () => ""],
      [
        "that is a signed message of its own",
        "OPENPGP_MALFORMED",
        () => gpg.clearsign("x", { by: [keys.good] }).slice(0, 30),
      ],
      ["that is a web page", "OPENPGP_MALFORMED", () => "<html>"],
    ])("one %s is refused", async (_, code, signature) => {
      await expect(check(signature())).rejects.toMatchObject({ code });
    });
  });

  test("a keyring may be binary, armoured or a keybox", async () => {
    const message = gpg.clearsign(TEXT, { by: [keys.subkey] });
    const fingerprints = [keys.subkey.fingerprint, keys.subkey.signingFingerprint, keys.rsa.fingerprint].sort();
    const home = mkdtempSync(join(tmpdir(), "gpg-"));
    try {
      execFileSync("gpg", ["--homedir", home, "--batch", "--import"], {
        input: gpg.exportKeys([keys.subkey, keys.rsa]),
        stdio: ["pipe", "ignore", "ignore"],
      });
      const files = [
        gpg.exportKeys([keys.subkey, keys.rsa]),
        Buffer.concat([gpg.exportKeys([keys.rsa], { armor: true }), gpg.exportKeys([keys.subkey], { armor: true })]),
        readFileSync(join(home, "pubring.kbx")),
      ];
      for (const file of files) {
        const ring = parseKeyring(file, "x");
        expect([...ring.keys.keys()].sort()).toEqual(fingerprints);
        expect((await verify(message, ring)).signatures).toHaveLength(1);
      }
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  function withoutSignature(key: Buffer): string {
    const message = gpg.clearsign(TEXT, { by: [keys.good] });
    const signature = message.indexOf("-----BEGIN PGP SIGNATURE");
    return `${message.slice(0, signature)}-----BEGIN PGP SIGNATURE-----\n\n${key.toString("base64")}\n-----END PGP SIGNATURE-----\n`;
  }
});

describe.skipIf(requires("gpgv").skip)("what keys say about themselves, as gpgv understands it", () => {
  test.each(keyStatements())("$name: $code", ({ code, keyring, data, signature, gpgvDiffers }) => {
    const [status] = gpgv([signature, data], parseKeyring(keyring, "made"));
    const isGood = status?.verdict === "good";
    expect(isGood).toBe(code === undefined || gpgvDiffers !== undefined);
  });
});

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

describe.skipIf(requires("debian-mirror", "gpgv").skip || !existsSync(KEYRING))("Debian's own Release", () => {
  test.each(["bookworm", "trixie", "sid"])("of %s is signed by whom gpgv says", async (suite) => {
    const url = `${locationOf("debian-mirror").replace(/\/+$/, "")}/dists/${suite}/InRelease`;
    const message = Buffer.from(await (await fetch(url)).arrayBuffer());
    const keyring = await loadKeyring(KEYRING);
    const context = { clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => 0 } };
    const { signatures } = verifyClearsigned(message, { keyring, subject: suite }, context);
    const known = gpgv([message], keyring).filter(({ verdict }) => verdict === "good");
    expect(signatures.map(({ fingerprint }) => fingerprint)).toEqual(known.map(({ fingerprint }) => fingerprint));
    expect(signatures.length).toBeGreaterThan(0);
  });
});
