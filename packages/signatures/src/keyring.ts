import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { dearmor } from "./armor.ts";
import { type Certificate, readCertificates } from "./certificate.ts";
import { keysOfKeybox } from "./keybox.ts";
import { readPackets } from "./packets.ts";
import type { PublicKey } from "./public-key.ts";

/** The keys that an archive may be signed with. */
export interface Keyring {
  /** Where it came from, for messages. */
  readonly source: string;
  /** Hex digest of the file as it is on disk. */
  readonly sha256: string;
  /** The keys in the one format that every gpgv reads: bare OpenPGP packets. */
  readonly packets: Uint8Array;
  /** Keys and subkeys by fingerprint. */
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly certificates: readonly Certificate[];
}

/**
 * Reads a keyring in any of the formats found on systems: binary (`.gpg`, `.pgp`), ASCII-armoured (`.asc`), keybox (`.kbx`).
 *
 * @throws BaseKitError `KEYRING_UNREADABLE` (environment), `OPENPGP_MALFORMED` (verification)
 */
export async function loadKeyring(path: string): Promise<Keyring> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const isMissing = systemErrorCode(cause) === "ENOENT";
    throw unreadable(path, isMissing ? "there is no such file" : systemErrorReason(cause), cause);
  }
  return parseKeyring(bytes, printable(path));
}

/** A keyring from its bytes; `source` is for messages. */
export function parseKeyring(bytes: Uint8Array, source: string): Keyring {
  const packets = packetsOf(bytes, `keyring ${source}`);
  const certificates = readCertificates(readPackets(packets, `keyring ${source}`));
  const keys = certificates.flatMap(({ primary, subkeys }) => [primary, ...subkeys].map(({ key }) => key));
  if (keys.length === 0) throw unreadable(source, "it holds no public key");
  return {
    source,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    packets,
    keys: new Map(keys.map((key) => [key.fingerprint, key])),
    certificates,
  };
}

function packetsOf(bytes: Uint8Array, subject: string): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.includes("-----BEGIN PGP")) return dearmor(text.toString("latin1"), "PUBLIC KEY BLOCK", subject);
  return keysOfKeybox(bytes, subject) ?? bytes;
}

function unreadable(source: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("KEYRING_UNREADABLE", `cannot read the keyring ${printable(source)}: ${why}`, {
    kind: "environment",
    hint: "A keyring is a file of OpenPGP public keys, such as /usr/share/keyrings/debian-archive-keyring.gpg.",
    cause,
  });
}
