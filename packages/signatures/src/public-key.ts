import { createHash } from "node:crypto";
import { readInteger } from "./verify-value.ts";

/** What has to be known about a key to judge it. */
export interface PublicKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** OpenPGP number of the algorithm: 1 RSA, 17 DSA, 19 ECDSA, 22 EdDSA. */
  readonly algorithm: number;
  /** Of the modulus, the prime or the curve. */
  readonly bits: number;
  /** As GnuPG writes it: `rsa4096`, `ed25519`, `dsa2048`, `nistp256`. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly material: KeyMaterial;
}

/** The numbers of a key that can be computed with. */
export type KeyMaterial =
  | { readonly kind: "rsa"; readonly modulus: Buffer; readonly exponent: Buffer }
  | { readonly kind: "ecdsa"; readonly curve: Curve; readonly point: Buffer }
  /** `hasPlainNumbers`: its signatures are bytes instead of two integers, as RFC 9580 wants it. */
  | { readonly kind: "edwards"; readonly curve: Curve; readonly point: Buffer; readonly hasPlainNumbers: boolean }
  /** DSA, and keys for encryption: nothing they sign counts. */
  | { readonly kind: "other" };

const VERSION_4 = 4;
const HEADER_LENGTH = 6;

/** RFC 9580 §9.1. */
const INTEGER_ALGORITHMS: Readonly<Record<number, string>> = { 1: "rsa", 2: "rsa", 3: "rsa", 16: "elg", 17: "dsa" };
const CURVE_ALGORITHMS: ReadonlySet<number> = new Set([18, 19, 22]);
const ECDSA = 19;
const EDDSA = 22;
/** A point of an Edwards curve begins with this byte in the older spelling. */
const NATIVE_POINT = 0x40;

export interface Curve {
  readonly name: string;
  readonly bits: number;
  /** Object identifier in DER, hexadecimal. */
  readonly oid: string;
}

/** RFC 9580 §9.2, and RFC 8410 for Ed448. */
const CURVES: readonly Curve[] = [
  { oid: "2a8648ce3d030107", name: "nistp256", bits: 256 },
  { oid: "2b81040022", name: "nistp384", bits: 384 },
  { oid: "2b81040023", name: "nistp521", bits: 521 },
  { oid: "2b8104000a", name: "secp256k1", bits: 256 },
  { oid: "2b2403030208010107", name: "brainpoolP256r1", bits: 256 },
  { oid: "2b240303020801010b", name: "brainpoolP384r1", bits: 384 },
  { oid: "2b240303020801010d", name: "brainpoolP512r1", bits: 512 },
  { oid: "2b06010401da470f01", name: "ed25519", bits: 255 },
  { oid: "2b6571", name: "ed448", bits: 448 },
];
/** The newer spelling of the two Edwards curves has a number for each, and the point alone. */
const PLAIN_EDWARDS: Readonly<Record<number, string>> = { 27: "ed25519", 28: "ed448" };

type Described = Pick<PublicKey, "name" | "bits" | "material">;

/** The key of a public key or subkey packet; undefined for versions other than 4 and algorithms without a known size. */
export function readPublicKey(body: Uint8Array): PublicKey | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length < HEADER_LENGTH + 2 || bytes[0] !== VERSION_4) return undefined;
  const algorithm = bytes.readUInt8(HEADER_LENGTH - 1);
  const described = INTEGER_ALGORITHMS[algorithm]
    ? describeIntegers(algorithm, bytes)
    : describeCurve(algorithm, bytes);
  return described && { fingerprint: fingerprintOf(bytes), algorithm, created: bytes.readUInt32BE(1), ...described };
}

/** The first number of RSA, DSA and ElGamal keys (n or p) is the one that gives the size; its length in bits comes first. */
function describeIntegers(algorithm: number, bytes: Buffer): Described | undefined {
  const bits = bytes.readUInt16BE(HEADER_LENGTH);
  const name = `${INTEGER_ALGORITHMS[algorithm]}${bits}`;
  const first = readInteger(bytes, HEADER_LENGTH);
  const second = first && readInteger(bytes, first.end);
  if (!first || !second) return undefined;
  const isRsa = name.startsWith("rsa");
  return {
    name,
    bits,
    material: isRsa ? { kind: "rsa", modulus: first.integer, exponent: second.integer } : { kind: "other" },
  };
}

function describeCurve(algorithm: number, bytes: Buffer): Described | undefined {
  const plain = CURVES.find(({ name }) => name === PLAIN_EDWARDS[algorithm]);
  if (plain) {
    const point = bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + pointSize(plain));
    return { ...namesOf(plain), material: { kind: "edwards", curve: plain, point, hasPlainNumbers: true } };
  }
  if (!CURVE_ALGORITHMS.has(algorithm)) return undefined;
  const oidAt = HEADER_LENGTH + 1;
  const oidEnd = oidAt + bytes.readUInt8(HEADER_LENGTH);
  const curve = CURVES.find(({ oid }) => oid === bytes.toString("hex", oidAt, oidEnd));
  const point = readInteger(bytes, oidEnd)?.integer;
  if (curve === undefined || point === undefined) return undefined;
  if (algorithm === ECDSA) return { ...namesOf(curve), material: { kind: "ecdsa", curve, point } };
  const hasPrefix = point[0] === NATIVE_POINT && point.length === pointSize(curve) + 1;
  const native = hasPrefix ? point.subarray(1) : point;
  const isEdwards = algorithm === EDDSA && native.length === pointSize(curve);
  return {
    ...namesOf(curve),
    material: isEdwards ? { kind: "edwards", curve, point: native, hasPlainNumbers: false } : { kind: "other" },
  };
}

function namesOf({ name, bits }: Curve): Pick<Described, "name" | "bits"> {
  return { name, bits };
}

/** RFC 8032: Ed25519 has points of 32 bytes, Ed448 of 57. */
function pointSize({ bits }: Curve): number {
  return Math.floor(bits / 8) + 1;
}

/** RFC 9580 §5.5.4.2. */
function fingerprintOf(body: Buffer): string {
  const prefix = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash("sha1").update(prefix).update(body).digest("hex").toUpperCase();
}
