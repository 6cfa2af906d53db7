import { createHash } from "node:crypto";
import { printable } from "@base-kit/core";
import type { Certificate } from "./certificate.ts";
import { keyState, userIdOf } from "./key-state.ts";
import type { Keyring } from "./keyring.ts";
import type { PublicKey } from "./public-key.ts";
import { readSignature, type SignaturePacket } from "./signature-packet.ts";
import { type HashedData, isValueOf, SOUND_HASHES } from "./verify-value.ts";

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

const WEAK_HASHES: Readonly<Record<number, string>> = { 1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 11: "SHA-224" };

/** What a signature is over: a file as it is, or as lines. */
export interface SignedData {
  /** Types of signature that are made over such data, each with the bytes that are hashed. */
  readonly byType: Readonly<Record<number, () => Uint8Array>>;
}

/** apt's `APT::Key::Assert-Pubkey-Algo`: RSA from 2048 bits, the Edwards curves, elliptic curves from 256 bits; no DSA. */
const LEAST_BITS: Readonly<Record<number, number>> = { 1: 2048, 3: 2048, 19: 256, 22: 255, 27: 255, 28: 448 };

/** Judges one signature by apt's rules. `now` is in seconds since 1970. */
export function judge(
  packet: Uint8Array,
  { data, keyring, now }: { readonly data: SignedData; readonly keyring: Keyring; readonly now: number },
): AcceptedSignature | Refusal {
  const signature = readSignature(packet);
  if (signature === undefined)
    return { code: "SIGNATURE_UNCHECKED", text: "a signature in a form that is not understood" };
  const signers = findSigners(signature, keyring);
  if (signers.length === 0) return refusal("SIGNATURE_UNKNOWN_KEY", signature, "the keyring does not hold this key");
  // Two keys may share a key id; whoever really signed decides.
  const judged = signers.map((signer) => judgeBy(signer, signature, { data, now }));
  return judged.find((each) => !isRefusal(each)) ?? (judged[0] as Refusal);
}

interface Signer {
  readonly key: PublicKey;
  readonly certificate: Certificate;
}

function findSigners(
  { issuerFingerprint, issuerKeyId }: SignaturePacket,
  { certificates }: Keyring,
): readonly Signer[] {
  const isIssuer = ({ fingerprint }: PublicKey) =>
    issuerFingerprint === undefined
      ? issuerKeyId !== undefined && fingerprint.endsWith(issuerKeyId)
      : fingerprint === issuerFingerprint;
  return certificates.flatMap((certificate) =>
    [certificate.primary, ...certificate.subkeys]
      .filter(({ key }) => isIssuer(key))
      .map(({ key }) => ({ key, certificate })),
  );
}

function judgeBy(
  { key, certificate }: Signer,
  signature: SignaturePacket,
  { data, now }: { readonly data: SignedData; readonly now: number },
): AcceptedSignature | Refusal {
  const refuse = (code: RefusalCode, why: string) => refusal(code, signature, why, certificate);
  const hash = SOUND_HASHES[signature.hashAlgorithm];
  if (hash === undefined) {
    const name = WEAK_HASHES[signature.hashAlgorithm] ?? `hash number ${signature.hashAlgorithm}`;
    return refuse("SIGNATURE_WEAK", `it was made with ${name}, which can be forged`);
  }
  if (key.bits < (LEAST_BITS[key.algorithm] ?? Number.POSITIVE_INFINITY)) {
    return refuse("SIGNATURE_WEAK", `its key is ${key.name}, which is too weak`);
  }
  const bytes = data.byType[signature.type];
  const { created } = signature;
  if (bytes === undefined || created === undefined || signature.isBeyondUs) {
    return refuse("SIGNATURE_UNCHECKED", "it is of a kind that is not made for files");
  }
  if (!isValueOf(signature.value, { key: key.material, hash, data: hashedData(bytes(), signature.trailer) })) {
    return refuse("SIGNATURE_BAD", "the content is not what was signed");
  }
  const state = keyState(certificate, key, now);
  if (state.verdict === "revoked") return refuse("SIGNATURE_KEY_REVOKED", "its key was revoked");
  if (state.verdict === "expired") return refuse("SIGNATURE_KEY_EXPIRED", `its key expired on ${day(state.expired)}`);
  if (state.verdict === "not-for-signing") return refuse("SIGNATURE_UNCHECKED", "its key is not meant for signing");
  if (state.verdict === "not-bound") {
    return refuse("SIGNATURE_UNCHECKED", "nothing sound says that its key is one of this owner");
  }
  if (signature.expires !== undefined && signature.expires <= now) {
    return refuse("SIGNATURE_EXPIRED", `the signature expired on ${day(signature.expires)}`);
  }
  if (created > now + CLOCK_TOLERANCE) {
    const clocks = `this machine's clock says ${day(now)}`;
    return refuse("SIGNATURE_FROM_FUTURE", `it was made on ${day(created)}, but ${clocks}`);
  }
  const { fingerprint } = key;
  const { expires } = signature;
  const primaryFingerprint = certificate.primary.key.fingerprint;
  return { fingerprint, primaryFingerprint, hash, key, created, ...(expires === undefined ? {} : { expires }) };
}

export function isRefusal(judged: AcceptedSignature | Refusal): judged is Refusal {
  return "code" in judged;
}

function hashedData(bytes: Uint8Array, trailer: Uint8Array): HashedData {
  return {
    bytes: () => Buffer.concat([bytes, trailer]),
    digest: (hash) => createHash(hash).update(bytes).update(trailer).digest(),
  };
}

function refusal(
  code: RefusalCode,
  { issuerFingerprint, issuerKeyId }: SignaturePacket,
  why: string,
  certificate?: Certificate,
): Refusal {
  const keyId = issuerFingerprint?.slice(-16) ?? issuerKeyId ?? "a key without a name";
  const user = certificate && userIdOf(certificate);
  const signer = user === undefined ? keyId : `${keyId} (${printable(user).replaceAll('"', "")})`;
  return { code, text: `${signer}: ${why}` };
}

function day(time: number | undefined): string {
  if (time === undefined || !Number.isFinite(time)) return "an unknown day";
  return `${new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
