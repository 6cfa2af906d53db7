import { readSubpackets, type Subpackets, SubpacketType } from "./subpackets.ts";

/** A version 4 signature, taken apart (RFC 9580 §5.2.3). */
export interface SignaturePacket {
  /** 0 binary document, 1 text, 0x10-0x13 certification, 0x18 subkey binding, 0x19 the subkey's own, 0x1f direct key, 0x20, 0x28, 0x30 revocations. */
  readonly type: number;
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
  /** Seconds since 1970; what the signer says. */
  readonly created: number | undefined;
  /** Seconds since 1970; absent when it does not expire. */
  readonly expires: number | undefined;
  /** Seconds after the key was made; absent when that does not expire. */
  readonly keyLifetime: number | undefined;
  /** What the key may be used for; absent when nothing is said. */
  readonly keyFlags: number | undefined;
  /** A signature within this one: how a subkey says that it belongs to the key. */
  readonly embedded: Uint8Array | undefined;
  /** Upper-case hexadecimal; only a hint, because it need not be signed. */
  readonly issuerFingerprint: string | undefined;
  /** 16 upper-case hexadecimal digits; only a hint. */
  readonly issuerKeyId: string | undefined;
  /** Whether it says something that must not be passed over and is not understood here. */
  readonly isBeyondUs: boolean;
  /** What is hashed after the data. */
  readonly trailer: Buffer;
  /** The numbers of the signature itself. */
  readonly value: Buffer;
}

const VERSION_4 = 4;
const HASHED_AT = 6;

/** Undefined for other versions and for anything that is not whole: such a signature says nothing. */
export function readSignature(body: Uint8Array): SignaturePacket | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length < HASHED_AT || bytes[0] !== VERSION_4) return undefined;
  const hashedEnd = HASHED_AT + bytes.readUInt16BE(HASHED_AT - 2);
  if (hashedEnd + 2 > bytes.length) return undefined;
  const unhashedEnd = hashedEnd + 2 + bytes.readUInt16BE(hashedEnd);
  // Two bytes of the digest follow, which would only tell a wrong signature sooner.
  if (unhashedEnd + 2 > bytes.length) return undefined;
  const hashed = readSubpackets(bytes.subarray(HASHED_AT, hashedEnd));
  const unhashed = readSubpackets(bytes.subarray(hashedEnd + 2, unhashedEnd));
  if (hashed === undefined || unhashed === undefined) return undefined;
  const [, type = 0, publicKeyAlgorithm = 0, hashAlgorithm = 0] = bytes;
  return {
    type,
    publicKeyAlgorithm,
    hashAlgorithm,
    ...timesOf(hashed),
    keyFlags: hashed.find(SubpacketType.keyFlags)?.[0],
    embedded: hashed.find(SubpacketType.embeddedSignature) ?? unhashed.find(SubpacketType.embeddedSignature),
    ...issuerOf(hashed, unhashed),
    isBeyondUs: hashed.hasUnknownCritical,
    trailer: trailerOf(bytes, hashedEnd),
    value: bytes.subarray(unhashedEnd + 2),
  };
}

function timesOf(hashed: Subpackets): Pick<SignaturePacket, "created" | "expires" | "keyLifetime"> {
  const created = hashed.number(SubpacketType.created);
  const lifetime = hashed.number(SubpacketType.signatureLifetime);
  const keyLifetime = hashed.number(SubpacketType.keyLifetime);
  return {
    created,
    // Nothing and zero both mean: for ever.
    expires: created === undefined || !lifetime ? undefined : created + lifetime,
    keyLifetime: keyLifetime || undefined,
  };
}

function issuerOf(
  hashed: Subpackets,
  unhashed: Subpackets,
): Pick<SignaturePacket, "issuerFingerprint" | "issuerKeyId"> {
  const found = (type: number) => hashed.find(type) ?? unhashed.find(type);
  const hex = (bytes: Buffer | undefined) => bytes?.toString("hex").toUpperCase();
  return {
    // The first byte is the version of the key.
    issuerFingerprint: hex(found(SubpacketType.issuerFingerprint)?.subarray(1)),
    issuerKeyId: hex(found(SubpacketType.issuerKeyId)),
  };
}

/** RFC 9580 §5.2.4. */
function trailerOf(bytes: Buffer, hashedEnd: number): Buffer {
  const length = Buffer.alloc(6, VERSION_4);
  length[1] = 0xff;
  length.writeUInt32BE(hashedEnd, 2);
  return Buffer.concat([bytes.subarray(0, hashedEnd), length]);
}
