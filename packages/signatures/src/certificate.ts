import { type Packet, PUBLIC_KEY_PACKET, PUBLIC_SUBKEY_PACKET, SIGNATURE_PACKET } from "./packets.ts";
import { type PublicKey, readPublicKey } from "./public-key.ts";
import { readSignature, type SignaturePacket } from "./signature-packet.ts";

/** A key with everything that it says about itself: OpenPGP's "transferable public key" (RFC 9580 §10.1). */
export interface Certificate {
  readonly primary: CertifiedKey;
  readonly users: readonly CertifiedUser[];
  readonly subkeys: readonly CertifiedKey[];
}

export interface CertifiedKey {
  readonly key: PublicKey;
  /** As it is hashed. */
  readonly body: Uint8Array;
  /** Those that directly follow the key; others' signatures are among them. */
  readonly signatures: readonly SignaturePacket[];
}

export interface CertifiedUser {
  /** 13 a user id, 17 a picture. */
  readonly tag: number;
  readonly body: Uint8Array;
  readonly signatures: readonly SignaturePacket[];
}

export const USER_ID_PACKET = 13;
const USER_ATTRIBUTE_PACKET = 17;

/** The keys of a keyring; keys of a version or kind that is not known here are passed over with what belongs to them. */
export function readCertificates(packets: readonly Packet[]): readonly Certificate[] {
  const certificates: { primary: CertifiedKey; users: CertifiedUser[]; subkeys: CertifiedKey[] }[] = [];
  let current: (typeof certificates)[number] | undefined;
  // What the next signatures are about.
  let signatures: SignaturePacket[] = [];
  for (const { tag, body } of packets) {
    if (tag === SIGNATURE_PACKET) {
      const signature = readSignature(body);
      if (signature) signatures.push(signature);
      continue;
    }
    // Trust packets of a local GnuPG stand between a user and its signatures.
    if (![PUBLIC_KEY_PACKET, PUBLIC_SUBKEY_PACKET, USER_ID_PACKET, USER_ATTRIBUTE_PACKET].includes(tag)) continue;
    signatures = [];
    if (tag === PUBLIC_KEY_PACKET) {
      const key = readPublicKey(body);
      current = key && { primary: { key, body, signatures }, users: [], subkeys: [] };
      if (current) certificates.push(current);
    } else if (tag === PUBLIC_SUBKEY_PACKET) {
      const key = readPublicKey(body);
      if (key) current?.subkeys.push({ key, body, signatures });
    } else current?.users.push({ tag, body, signatures });
  }
  return certificates;
}
