import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readClearsigned } from "../src/clearsigned.ts";
import { armor, dearmor, detachedSignatures, parseKeyring } from "../src/index.ts";
import { readPackets } from "../src/packets.ts";
import { parseGpgvStatus } from "./gpgv-status.ts";

const bytes = fc.uint8Array({ minLength: 1, maxLength: 3000 });

describe("ASCII armour", () => {
  test("gives back the bytes, and those of several blocks one after another", () => {
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const text = `A comment.\n${armor(first, "SIGNATURE")}\n${armor(second, "SIGNATURE")}`;
        expect(dearmor(text, "SIGNATURE", "x")).toEqual(Buffer.concat([first, second]));
      }),
    );
  });

  test("notices a changed byte by its checksum", () => {
    const text = armor(Buffer.from("some bytes that matter"), "SIGNATURE");
    expect(() => dearmor(text.replace("c29t", "c29u"), "SIGNATURE", "x")).toThrow(/checksum/);
  });
});

describe("packets", () => {
  test("of every size come out as they went in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.uint8Array({ maxLength: 9000 }), fc.boolean())),
        (packets) => {
          const file = Buffer.concat(
            packets.map(([tag, body, isNew]) => (isNew ? newPacket(tag, body) : oldPacket(tag, body))),
          );
          expect(readPackets(file, "x").map(({ tag, body }) => [tag, Buffer.from(body)])).toEqual(
            packets.map(([tag, body]) => [tag, Buffer.from(body)]),
          );
        },
      ),
    );
  });
});

test.each([
  ["a keyring", (file: Uint8Array) => parseKeyring(file, "x"), /^(OPENPGP_MALFORMED|KEYRING_UNREADABLE)$/],
  [
    "a detached signature",
    (file: Uint8Array) => detachedSignatures(file, "x"),
    /^(OPENPGP_MALFORMED|SIGNATURE_MISSING)$/,
  ],
  ["a signed message", (file: Uint8Array) => readClearsigned(file, "x"), /^(OPENPGP_MALFORMED|SIGNATURE_\w+)$/],
])("any bytes for %s are read or refused by name", (_, read, codes) => {
  const marker = fc.constantFrom(
    "-----BEGIN PGP SIGNED MESSAGE-----\n",
    "-----BEGIN PGP SIGNATURE-----\n",
    "-----END PGP SIGNATURE-----\n",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    "-----END PGP PUBLIC KEY BLOCK-----\n",
    "Hash: SHA256\n",
    "\n",
    "mQENBF\n",
  );
  const text = fc.array(fc.oneof(marker, fc.string())).map((parts) => Buffer.from(parts.join("")));
  const keybox = fc
    .uint8Array({ maxLength: 200 })
    .map((rest) => Buffer.concat([Buffer.from("\0\0\0\x20\x01\0\0\0KBXf"), rest]));
  const packets = bytes.map((body) => Buffer.concat([Buffer.from([0x99, 0, 8, 4]), body]));
  fc.assert(
    fc.property(fc.oneof(text, keybox, packets, bytes), (file) => {
      try {
        read(file);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(codes) });
      }
    }),
  );
});

describe("gpgv's status lines", () => {
  const valid = (hash: number) =>
    `[GNUPG:] VALIDSIG ${"A".repeat(40)} 2026-07-11 1783765031 0 4 0 1 ${hash} 01 ${"B".repeat(40)}`;

  test("are grouped by signature", () => {
    const output = [
      "[GNUPG:] PLAINTEXT 74 0 ",
      "[GNUPG:] NEWSIG",
      "[GNUPG:] GOODSIG 6ED0E7B82643E131 Archive Key (12) <a@example.org>",
      valid(8),
      "[GNUPG:] NEWSIG b@example.org",
      "[GNUPG:] ERRSIG 8D49F1EA37D4E92C 22 8 01 1795473440 9 -",
      "[GNUPG:] NO_PUBKEY 8D49F1EA37D4E92C",
    ].join("\n");
    expect(parseGpgvStatus(output)).toEqual([
      {
        verdict: "good",
        keyId: "6ED0E7B82643E131",
        signer: "Archive Key (12) <a@example.org>",
        fingerprint: "A".repeat(40),
        primaryFingerprint: "B".repeat(40),
        created: 1783765031,
        publicKeyAlgorithm: 1,
        hashAlgorithm: 8,
      },
      { verdict: "unknown-key", keyId: "8D49F1EA37D4E92C" },
    ]);
  });

  test.each(["BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "ERRSIG"])(
    "a good one does not outweigh %s in its group",
    (word) => {
      const lines = ["[GNUPG:] NEWSIG", "[GNUPG:] GOODSIG 1 A", `[GNUPG:] ${word} 1 A`, valid(8)];
      expect(parseGpgvStatus(lines.join("\n"))[0]?.verdict).not.toBe("good");
    },
  );

  test("of any shape are read", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "[GNUPG:]",
        "NEWSIG",
        "GOODSIG",
        "VALIDSIG",
        "ERRSIG",
        "NO_PUBKEY",
        "KEYEXPIRED",
        "\n",
        "0",
        "A".repeat(40),
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        for (const { verdict, keyId } of parseGpgvStatus(words.join(" "))) {
          expect(verdict).toEqual(expect.any(String));
          expect(keyId).toEqual(expect.any(String));
        }
      }),
    );
  });

  test("in the text of the message or a user id count for nothing", () => {
    const output = ["GOODSIG 1 A", "x [GNUPG:] NEWSIG", "[GNUPG:] GOODSIG 1 A", valid(8)].join("\n");
    expect(parseGpgvStatus(output)).toEqual([]);
  });
});

function newPacket(tag: number, body: Uint8Array): Buffer {
  const { length } = body;
  const header =
    length < 192
      ? [length]
      : length < 8384
        ? [((length - 192) >> 8) + 192, (length - 192) & 0xff]
        : [255, 0, 0, length >> 8, length & 0xff];
  return Buffer.from([0xc0 | tag, ...header, ...body]);
}

function oldPacket(tag: number, body: Uint8Array): Buffer {
  const { length } = body;
  return length < 256
    ? Buffer.from([0x80 | (tag << 2), length, ...body])
    : Buffer.from([0x81 | (tag << 2), length >> 8, length & 0xff, ...body]);
}
