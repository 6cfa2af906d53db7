import { createHash } from "node:crypto";

/** What has to be known about a key to judge it, and what gpgv's status lines do not tell. */
export interface PublicKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** OpenPGP number of the algorithm: 1 RSA, 17 DSA, 19 ECDSA, 22 EdDSA. */
  readonly algorithm: number;
  /** Of the modulus, the prime or the curve. */
  readonly bits: number;
  /** As GnuPG writes it: `rsa4096`, `ed25519`, `dsa2048`, `nistp256`. */
  readonly name: string;
}

const VERSION_4 = 4;
const HEADER_LENGTH = 6;

/** RFC 9580 §9.1; 27 and 28 are the newer spelling of the two Edwards curves. */
const INTEGER_ALGORITHMS: Readonly<Record<number, string>> = { 1: "rsa", 2: "rsa", 3: "rsa", 16: "elg", 17: "dsa" };
const FIXED_ALGORITHMS: Readonly<Record<number, Curve>> = {
  27: { name: "ed25519", bits: 255 },
  28: { name: "ed448", bits: 448 },
};
const CURVE_ALGORITHMS: ReadonlySet<number> = new Set([18, 19, 22]);

interface Curve {
  readonly name: string;
  readonly bits: number;
}

/** RFC 9580 §9.2, and RFC 8410 for Ed448: object identifiers in DER. */
const CURVES: Readonly<Record<string, Curve>> = {
  "2a8648ce3d030107": { name: "nistp256", bits: 256 },
  "2b81040022": { name: "nistp384", bits: 384 },
  "2b81040023": { name: "nistp521", bits: 521 },
  "2b8104000a": { name: "secp256k1", bits: 256 },
  "2b2403030208010107": { name: "brainpoolP256r1", bits: 256 },
  "2b240303020801010b": { name: "brainpoolP384r1", bits: 384 },
  "2b240303020801010d": { name: "brainpoolP512r1", bits: 512 },
  "2b06010401da470f01": { name: "ed25519", bits: 255 },
  "2b6571": { name: "ed448", bits: 448 },
};

/** The key of a public key or subkey packet; undefined for versions other than 4 and algorithms without a known size. */
export function readPublicKey(body: Uint8Array): PublicKey | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length < HEADER_LENGTH + 2 || bytes[0] !== VERSION_4) return undefined;
  const algorithm = bytes.readUInt8(HEADER_LENGTH - 1);
  const curve = curveOf(algorithm, bytes);
  return curve && { fingerprint: fingerprintOf(bytes), algorithm, ...curve };
}

function curveOf(algorithm: number, bytes: Buffer): Curve | undefined {
  const integer = INTEGER_ALGORITHMS[algorithm];
  // The first number of RSA, DSA and ElGamal keys (n or p) is the one that gives the size; its length in bits comes first.
  if (integer)
    return { name: `${integer}${bytes.readUInt16BE(HEADER_LENGTH)}`, bits: bytes.readUInt16BE(HEADER_LENGTH) };
  if (!CURVE_ALGORITHMS.has(algorithm)) return FIXED_ALGORITHMS[algorithm];
  const oid = HEADER_LENGTH + 1;
  return CURVES[bytes.toString("hex", oid, oid + bytes.readUInt8(HEADER_LENGTH))];
}

/** RFC 9580 §5.5.4.2. */
function fingerprintOf(body: Buffer): string {
  const prefix = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash("sha1").update(prefix).update(body).digest("hex").toUpperCase();
}
