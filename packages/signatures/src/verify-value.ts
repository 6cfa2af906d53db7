import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Curve, KeyMaterial } from "./public-key.ts";

/** OpenPGP numbers of the hashes that are still sound; MD5, SHA-1, RIPEMD-160 and SHA-224 are not among them. */
export const SOUND_HASHES: Readonly<Record<number, string>> = { 8: "sha256", 9: "sha384", 10: "sha512" };

/**
 * Whether the numbers of a signature are those that the owner of the key computed for this digest's data. False also for
 * numbers that are none.
 */
export function isValueOf(
  value: Uint8Array,
  { key, hash, data }: { readonly key: KeyMaterial; readonly hash: string; readonly data: HashedData },
): boolean {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  try {
    switch (key.kind) {
      case "rsa": {
        const signature = padded(readInteger(bytes, 0)?.integer, key.modulus.length);
        const options = { key: rsaKey(key), padding: constants.RSA_PKCS1_PADDING };
        return signature !== undefined && verify(hash, data.bytes(), options, signature);
      }
      case "ecdsa": {
        const signature = pair(bytes, Math.ceil(key.curve.bits / 8));
        const options = { key: ecdsaKey(key.curve, key.point), dsaEncoding: "ieee-p1363" } as const;
        return signature !== undefined && verify(hash, data.bytes(), options, signature);
      }
      case "edwards": {
        const half = key.point.length;
        const signature = key.hasPlainNumbers ? bytes : pair(bytes, half);
        if (signature?.length !== 2 * half) return false;
        return verify(null, data.digest(hash), edwardsKey(key.curve, key.point), signature);
      }
      default:
        return false;
    }
  } catch {
    // Numbers that are no point of the curve, and the like: nobody signed with them.
    return false;
  }
}

/** What was signed: OpenPGP's Edwards signatures are of the digest, the others of the data. */
export interface HashedData {
  bytes(): Uint8Array;
  digest(hash: string): Uint8Array;
}

function rsaKey({ modulus, exponent }: { readonly modulus: Buffer; readonly exponent: Buffer }): KeyObject {
  const key = { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
  return createPublicKey({ key, format: "jwk" });
}

function edwardsKey({ name }: Curve, point: Buffer): KeyObject {
  const crv = name === "ed448" ? "Ed448" : "Ed25519";
  return createPublicKey({ key: { kty: "OKP", crv, x: point.toString("base64url") }, format: "jwk" });
}

/** RFC 5480: the only form in which all the curves can be given, JWK knows but three. */
function ecdsaKey({ oid }: Curve, point: Buffer): KeyObject {
  const ecPublicKey = Buffer.from("06072a8648ce3d0201", "hex");
  const algorithm = der(0x30, Buffer.concat([ecPublicKey, der(0x06, Buffer.from(oid, "hex"))]));
  const spki = der(0x30, Buffer.concat([algorithm, der(0x03, Buffer.concat([Buffer.alloc(1), point]))]));
  return createPublicKey({ key: spki, format: "der", type: "spki" });
}

function der(tag: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** Two integers as one string of twice the size. */
function pair(bytes: Buffer, size: number): Buffer | undefined {
  const first = readInteger(bytes, 0);
  const second = first && readInteger(bytes, first.end);
  const [r, s] = [padded(first?.integer, size), padded(second?.integer, size)];
  return r && s && Buffer.concat([r, s]);
}

/** A multiprecision integer: its length in bits, then its bytes (RFC 9580 §3.2). */
export function readInteger(bytes: Buffer, at: number): { readonly integer: Buffer; readonly end: number } | undefined {
  if (at + 2 > bytes.length) return undefined;
  const end = at + 2 + Math.ceil(bytes.readUInt16BE(at) / 8);
  return end > bytes.length ? undefined : { integer: bytes.subarray(at + 2, end), end };
}

/** Leading zeros are not written. */
function padded(integer: Buffer | undefined, size: number): Buffer | undefined {
  if (integer === undefined || integer.length > size) return undefined;
  return Buffer.concat([Buffer.alloc(size - integer.length), integer]);
}
