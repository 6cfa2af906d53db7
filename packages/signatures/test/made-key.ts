import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** An Ed25519 key whose statements about itself are made one by one, wrong ones as well: gpg makes only right ones. */
export interface MadeKey {
  readonly fingerprint: string;
  readonly body: Buffer;
  readonly secret: KeyObject;
}

export interface Statement {
  readonly type: number;
  /** OpenPGP number. @default 8, SHA-256 */
  readonly hash?: number;
  /** Seconds since 1970. */
  readonly created?: number;
  readonly flags?: number;
  /** Seconds after the key was made. */
  readonly keyLifetime?: number;
  /** A signature to carry within. */
  readonly embedded?: Buffer;
  /** Any further one, with its type first. */
  readonly subpackets?: readonly Buffer[];
}

const HASHES: Readonly<Record<number, string>> = { 2: "sha1", 8: "sha256", 10: "sha512" };
export const KEY_CREATED = 1_700_000_000;

export function makeKey(): MadeKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const point = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const curve = Buffer.from("092b06010401da470f01", "hex");
  const native = Buffer.concat([Buffer.from([0x40]), point]);
  const body = Buffer.concat([Buffer.from([4]), uint32(KEY_CREATED), Buffer.from([22]), curve, integer(native)]);
  const fingerprint = createHash("sha1").update(keyForHash(body)).digest("hex").toUpperCase();
  return { fingerprint, body, secret: privateKey };
}

/** A signature by the key, over the data and what the statement says. */
export function signature(by: MadeKey, data: Buffer, statement: Statement): Buffer {
  const { type, hash = 8, created = KEY_CREATED, flags, keyLifetime, embedded, subpackets = [] } = statement;
  const hashed = Buffer.concat([
    subpacket(2, uint32(created)),
    subpacket(33, Buffer.concat([Buffer.from([4]), Buffer.from(by.fingerprint, "hex")])),
    // GnuPG does not find the signer by the fingerprint alone.
    subpacket(16, Buffer.from(by.fingerprint.slice(-16), "hex")),
    ...(flags === undefined ? [] : [subpacket(27, Buffer.from([flags]))]),
    ...(keyLifetime === undefined ? [] : [subpacket(9, uint32(keyLifetime))]),
    ...(embedded === undefined ? [] : [subpacket(32, embedded)]),
    ...subpackets,
  ]);
  const head = Buffer.concat([Buffer.from([4, type, 22, hash]), uint16(hashed.length), hashed]);
  const trailer = Buffer.concat([head, Buffer.from([4, 0xff]), uint32(head.length)]);
  const digest = createHash(HASHES[hash] ?? "")
    .update(data)
    .update(trailer)
    .digest();
  const value = sign(null, digest, by.secret);
  const numbers = [value.subarray(0, 32), value.subarray(32)].map(integer);
  return Buffer.concat([head, uint16(0), digest.subarray(0, 2), ...numbers]);
}

export function subpacket(type: number, content: Buffer): Buffer {
  const length = content.length + 1;
  const header = length < 192 ? Buffer.from([length]) : Buffer.concat([Buffer.from([0xff]), uint32(length)]);
  return Buffer.concat([header, Buffer.from([type]), content]);
}

export function packet(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), uint32(body.length), body]);
}

export function keyForHash(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x99]), uint16(body.length), body]);
}

export function userForHash(user: string): Buffer {
  return Buffer.concat([Buffer.from([0xb4]), uint32(user.length), Buffer.from(user)]);
}

function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const short = bytes.subarray(start);
  return Buffer.concat([uint16((short.length - 1) * 8 + (32 - Math.clz32(short[0] ?? 0))), short]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
