import { printable } from "@base-kit/core";
import type { SignatureStatus } from "./gpgv-status.ts";
import type { Keyring } from "./keyring.ts";
import type { PublicKey } from "./public-key.ts";

/** A signature that may be relied on. */
export interface AcceptedSignature {
  /** Of the key or subkey that signed. */
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
  /** `sha256`, `sha384` or `sha512`. */
  readonly hash: string;
  readonly key: PublicKey;
  /** Seconds since 1970. */
  readonly created: number;
  readonly expires?: number;
}

/** Why a signature does not count. */
export interface Refusal {
  readonly code: RefusalCode;
  /** For people: `6ED0E7B82643E131 (Debian Archive …): its key expired on 2021-01-01`. */
  readonly text: string;
}

export type RefusalCode =
  | "SIGNATURE_BAD"
  | "SIGNATURE_KEY_REVOKED"
  | "SIGNATURE_KEY_EXPIRED"
  | "SIGNATURE_EXPIRED"
  | "SIGNATURE_WEAK"
  | "SIGNATURE_FROM_FUTURE"
  | "SIGNATURE_UNCHECKED"
  | "SIGNATURE_UNKNOWN_KEY";

/** How far this machine's clock and the signer's may be apart, in seconds. */
export const CLOCK_TOLERANCE = 600;

/** OpenPGP numbers of the hashes that are still sound; MD5, SHA-1, RIPEMD-160 and SHA-224 are not among them. */
const HASHES: Readonly<Record<number, string>> = { 8: "sha256", 9: "sha384", 10: "sha512" };
const WEAK_HASHES: Readonly<Record<number, string>> = { 1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 11: "SHA-224" };

/** apt's `APT::Key::Assert-Pubkey-Algo`: RSA from 2048 bits, the Edwards curves, elliptic curves from 256 bits; no DSA. */
const LEAST_BITS: Readonly<Record<number, number>> = { 1: 2048, 3: 2048, 19: 256, 22: 255, 27: 255, 28: 448 };

/** Judges one signature by apt's rules; gpgv alone would let most of the refused ones pass. */
export function judge(status: SignatureStatus, keyring: Keyring, now: number): AcceptedSignature | Refusal {
  const refuse = (code: RefusalCode, why: string): Refusal => ({ code, text: `${signerOf(status)}: ${why}` });
  switch (status.verdict) {
    case "bad":
      return refuse("SIGNATURE_BAD", "the content is not what was signed");
    case "key-revoked":
      return refuse("SIGNATURE_KEY_REVOKED", "its key was revoked");
    case "key-expired":
      return refuse("SIGNATURE_KEY_EXPIRED", `its key expired on ${day(status.keyExpired)}`);
    case "expired":
      return refuse("SIGNATURE_EXPIRED", `the signature expired on ${day(status.expires)}`);
    case "unknown-key":
      return refuse("SIGNATURE_UNKNOWN_KEY", "the keyring does not hold this key");
    case "unchecked":
      return refuse("SIGNATURE_UNCHECKED", "gpgv could not check it");
  }
  const { fingerprint = "", primaryFingerprint = fingerprint, created = Number.NaN, expires } = status;
  const key = keyring.keys.get(fingerprint);
  if (!key || key.algorithm !== status.publicKeyAlgorithm) {
    return refuse("SIGNATURE_UNCHECKED", "what kind of key made it cannot be told");
  }
  const hash = HASHES[status.hashAlgorithm ?? 0];
  if (!hash) {
    const name = WEAK_HASHES[status.hashAlgorithm ?? 0] ?? `hash number ${status.hashAlgorithm}`;
    return refuse("SIGNATURE_WEAK", `it was made with ${name}, which can be forged`);
  }
  if (key.bits < (LEAST_BITS[key.algorithm] ?? Number.POSITIVE_INFINITY)) {
    return refuse("SIGNATURE_WEAK", `its key is ${key.name}, which is too weak`);
  }
  if (!(created <= now + CLOCK_TOLERANCE)) {
    const clocks = `this machine's clock says ${day(now)}`;
    return refuse("SIGNATURE_FROM_FUTURE", `it was made on ${day(created)}, but ${clocks}`);
  }
  return { fingerprint, primaryFingerprint, hash, key, created, ...(expires === undefined ? {} : { expires }) };
}

export function isRefusal(judged: AcceptedSignature | Refusal): judged is Refusal {
  return "code" in judged;
}

function signerOf({ keyId, signer }: SignatureStatus): string {
  return signer === undefined ? printable(keyId) : `${printable(keyId)} (${printable(signer).replaceAll('"', "")})`;
}

function day(time: number | undefined): string {
  if (time === undefined || !Number.isFinite(time)) return "an unknown day";
  return `${new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
