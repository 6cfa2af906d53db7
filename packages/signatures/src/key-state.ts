import { createHash } from "node:crypto";
import { type Certificate, type CertifiedKey, type CertifiedUser, USER_ID_PACKET } from "./certificate.ts";
import type { PublicKey } from "./public-key.ts";
import { readSignature, type SignaturePacket } from "./signature-packet.ts";
import { type HashedData, isValueOf, SOUND_HASHES } from "./verify-value.ts";

/** Whether what a key signs may count at a certain time. */
export interface KeyState {
  readonly verdict: "usable" | "revoked" | "expired" | "not-for-signing" | "not-bound";
  /** Seconds since 1970, for an expired one. */
  readonly expired?: number;
}

const TYPE = {
  certifications: [0x10, 0x11, 0x12, 0x13],
  binding: 0x18,
  backSignature: 0x19,
  directKey: 0x1f,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
  userRevocation: 0x30,
} as const;
const MAY_SIGN = 0x02;

/**
 * What a key says about itself is taken from its own signatures. One that takes trust away counts whatever hash it was made
 * with; one that ties a subkey to a key counts only with a sound one. That of the primary key itself may be as old as the
 * key: whoever put it into the keyring trusts it.
 *
 * Source: RFC 9580 §5.2.3.10 and §10.1; where that is silent, as GnuPG's `merge_selfsigs` decides.
 */
export function keyState(certificate: Certificate, key: PublicKey, now: number): KeyState {
  const { primary } = certificate;
  const ofPrimary = primaryState(certificate, now);
  if (key === primary.key || ofPrimary.verdict === "revoked" || ofPrimary.verdict === "expired") return ofPrimary;
  if (ofPrimary.verdict === "not-bound") return ofPrimary;
  const subkey = certificate.subkeys.find((each) => each.key === key);
  return subkey === undefined ? { verdict: "not-bound" } : subkeyState(primary, subkey, now);
}

/** What people call the key. */
export function userIdOf({ users }: Certificate): string | undefined {
  const user = users.find(({ tag }) => tag === USER_ID_PACKET);
  return user && Buffer.from(user.body).toString("utf8");
}

function primaryState({ primary, users }: Certificate, now: number): KeyState {
  const own = (signature: SignaturePacket, data: readonly Buffer[]) => isMadeBy(primary.key, signature, data);
  const keyData = [keyForHash(primary)];
  const isRevoked = primary.signatures.some(
    (signature) => signature.type === TYPE.keyRevocation && own(signature, keyData),
  );
  if (isRevoked) return { verdict: "revoked" };
  const direct = primary.signatures.filter((each) => each.type === TYPE.directKey && own(each, keyData));
  const certified = users.flatMap((user) => {
    const data = [...keyData, userForHash(user)];
    const latest = newest(user.signatures.filter((each) => isAboutUser(each) && !isOver(each, now) && own(each, data)));
    return latest === undefined || latest.type === TYPE.userRevocation ? [] : [latest];
  });
  const statement = newest([...direct.filter((each) => !isOver(each, now)), ...certified]);
  if (statement === undefined) return { verdict: "not-bound" };
  return judged(primary.key, statement, now);
}

function subkeyState(primary: CertifiedKey, subkey: CertifiedKey, now: number): KeyState {
  const data = [keyForHash(primary), keyForHash(subkey)];
  const own = (signature: SignaturePacket) => isMadeBy(primary.key, signature, data);
  const isRevoked = subkey.signatures.some((each) => each.type === TYPE.subkeyRevocation && own(each));
  if (isRevoked) return { verdict: "revoked" };
  const bindings = subkey.signatures.filter(
    (each) => each.type === TYPE.binding && isSound(each) && !isOver(each, now) && own(each),
  );
  const binding = newest(bindings);
  if (binding === undefined) return { verdict: "not-bound" };
  const state = judged(subkey.key, binding, now);
  if (state.verdict !== "usable") return state;
  // Without it anybody could present somebody else's subkey as the own one.
  const back = binding.embedded && readSignature(binding.embedded);
  const isMutual = back?.type === TYPE.backSignature && isSound(back) && isMadeBy(subkey.key, back, data);
  return isMutual ? state : { verdict: "not-bound" };
}

function judged(key: PublicKey, { keyLifetime, keyFlags }: SignaturePacket, now: number): KeyState {
  const expires = keyLifetime === undefined ? undefined : key.created + keyLifetime;
  if (expires !== undefined && expires <= now) return { verdict: "expired", expired: expires };
  return { verdict: keyFlags === undefined || (keyFlags & MAY_SIGN) !== 0 ? "usable" : "not-for-signing" };
}

function isAboutUser({ type }: SignaturePacket): boolean {
  return type === TYPE.userRevocation || (TYPE.certifications as readonly number[]).includes(type);
}

function isSound({ hashAlgorithm }: SignaturePacket): boolean {
  return hashAlgorithm in SOUND_HASHES;
}

function isOver({ expires }: SignaturePacket, now: number): boolean {
  return expires !== undefined && expires <= now;
}

function newest(signatures: readonly SignaturePacket[]): SignaturePacket | undefined {
  return signatures.reduce<SignaturePacket | undefined>(
    (latest, each) => (latest === undefined || (each.created ?? 0) >= (latest.created ?? 0) ? each : latest),
    undefined,
  );
}

const OLD_HASHES: Readonly<Record<number, string>> = { 2: "sha1", 3: "ripemd160", 11: "sha224" };

/** Whether a key made a signature over these data and what the signature says. */
function isMadeBy(key: PublicKey, signature: SignaturePacket, data: readonly Buffer[]): boolean {
  const hash = SOUND_HASHES[signature.hashAlgorithm] ?? OLD_HASHES[signature.hashAlgorithm];
  const claimsOther =
    signature.issuerFingerprint === undefined
      ? signature.issuerKeyId !== undefined && !key.fingerprint.endsWith(signature.issuerKeyId)
      : signature.issuerFingerprint !== key.fingerprint;
  if (hash === undefined || claimsOther || signature.isBeyondUs || signature.created === undefined) return false;
  return isValueOf(signature.value, { key: key.material, hash, data: joined([...data, signature.trailer]) });
}

function joined(parts: readonly Buffer[]): HashedData {
  const bytes = Buffer.concat(parts);
  return { bytes: () => bytes, digest: (hash) => createHash(hash).update(bytes).digest() };
}

/** RFC 9580 §5.2.4. */
function keyForHash({ body }: CertifiedKey): Buffer {
  return Buffer.concat([Buffer.from([0x99, body.length >> 8, body.length & 0xff]), body]);
}

function userForHash({ tag, body }: CertifiedUser): Buffer {
  const header = Buffer.alloc(5, tag === USER_ID_PACKET ? 0xb4 : 0xd1);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}
