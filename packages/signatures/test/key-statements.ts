import {
  KEY_CREATED,
  keyForHash,
  makeKey,
  packet,
  type Statement,
  signature,
  subpacket,
  userForHash,
} from "./made-key.ts";

const DATA = Buffer.from("Origin: Debian\n");
const USER = "Somebody <somebody@example.org>";
const SIGN = 0x02;
const CERTIFY = 0x01;
const YEAR = 31_536_000;

export interface Case {
  readonly name: string;
  /** What is expected: a code of refusal, or none. */
  readonly code: string | undefined;
  readonly keyring: Buffer;
  readonly data: Buffer;
  readonly signature: Buffer;
  /** gpgv is known to judge otherwise, and why. */
  readonly gpgvDiffers?: string;
}

/** Keys that say this and that about themselves, and a signature by each. The time is taken for `KEY_CREATED` plus ten years. */
export function keyStatements(): readonly Case[] {
  return [
    primary("a key with a user", undefined, {}),
    primary("a key that may only certify", "SIGNATURE_UNCHECKED", { certification: { flags: CERTIFY } }),
    primary("a key that has expired", "SIGNATURE_KEY_EXPIRED", { certification: { keyLifetime: YEAR } }),
    primary("a key that was prolonged later", undefined, {
      certification: { keyLifetime: YEAR },
      later: { flags: SIGN },
    }),
    primary("a key that was shortened later", "SIGNATURE_KEY_EXPIRED", {
      certification: { flags: SIGN },
      later: { keyLifetime: YEAR },
    }),
    primary("a revoked key", "SIGNATURE_KEY_REVOKED", { revokedBy: "itself" }),
    primary("a key that somebody else says is revoked", undefined, { revokedBy: "another" }),
    primary("a key that nobody certified", "SIGNATURE_UNCHECKED", { certification: undefined, isUncertified: true }),
    primary("a signature with an unknown critical statement", "SIGNATURE_UNCHECKED", {
      signing: { subpackets: [subpacket(0x80 | 99, Buffer.from("x"))] },
    }),
    primary("a signature with an unknown statement", undefined, {
      signing: { subpackets: [subpacket(99, Buffer.from("x"))] },
    }),
    subkey("a subkey", undefined, {}),
    subkey("a subkey without its own word", "SIGNATURE_UNCHECKED", { back: undefined, isOneSided: true }),
    subkey("a subkey of somebody else", "SIGNATURE_UNCHECKED", { isStolen: true }),
    subkey("a subkey for encryption", "SIGNATURE_UNCHECKED", { binding: { flags: 0x0c } }),
    subkey("a subkey that has expired", "SIGNATURE_KEY_EXPIRED", { binding: { flags: SIGN, keyLifetime: YEAR } }),
    subkey("a revoked subkey", "SIGNATURE_KEY_REVOKED", { isRevoked: true }),
    {
      ...subkey("a subkey bound by SHA-1", "SIGNATURE_UNCHECKED", { binding: { flags: SIGN, hash: 2 } }),
      gpgvDiffers: "GnuPG still believes SHA-1 in keys",
    },
  ];
}

interface PrimaryCase {
  readonly certification?: Partial<Statement> | undefined;
  readonly isUncertified?: boolean;
  readonly later?: Partial<Statement>;
  readonly revokedBy?: "itself" | "another";
  readonly signing?: Partial<Statement>;
}

function primary(name: string, code: string | undefined, options: PrimaryCase): Case {
  const key = makeKey();
  const about = Buffer.concat([keyForHash(key.body), userForHash(USER)]);
  const certify = (statement: Partial<Statement> = { flags: SIGN | CERTIFY }) =>
    packet(2, signature(key, about, { type: 0x13, ...statement }));
  const revoker = options.revokedBy === "another" ? makeKey() : key;
  const keyring = Buffer.concat([
    packet(6, key.body),
    ...(options.revokedBy ? [packet(2, signature(revoker, keyForHash(key.body), { type: 0x20 }))] : []),
    packet(13, Buffer.from(USER)),
    ...(options.isUncertified ? [] : [certify(options.certification)]),
    ...(options.later ? [certify({ created: KEY_CREATED + 100, ...options.later })] : []),
  ]);
  return {
    name,
    code,
    keyring,
    data: DATA,
    signature: packet(2, signature(key, DATA, { type: 0, ...options.signing })),
  };
}

interface SubkeyCase {
  readonly binding?: Partial<Statement>;
  readonly back?: undefined;
  readonly isOneSided?: boolean;
  readonly isStolen?: boolean;
  readonly isRevoked?: boolean;
}

function subkey(name: string, code: string | undefined, options: SubkeyCase): Case {
  const [owner, sub] = [makeKey(), makeKey()];
  const about = Buffer.concat([keyForHash(owner.body), keyForHash(sub.body)]);
  // The thief has the word of the subkey for its real owner only.
  const agreed = options.isStolen ? Buffer.concat([keyForHash(makeKey().body), keyForHash(sub.body)]) : about;
  const embedded = options.isOneSided ? {} : { embedded: signature(sub, agreed, { type: 0x19 }) };
  const binding: Statement = { type: 0x18, flags: SIGN, ...embedded, ...options.binding };
  const users = Buffer.concat([keyForHash(owner.body), userForHash(USER)]);
  const keyring = Buffer.concat([
    packet(6, owner.body),
    packet(13, Buffer.from(USER)),
    packet(2, signature(owner, users, { type: 0x13, flags: CERTIFY })),
    packet(14, sub.body),
    ...(options.isRevoked ? [packet(2, signature(owner, about, { type: 0x28 }))] : []),
    packet(2, signature(owner, about, binding)),
  ]);
  return { name, code, keyring, data: DATA, signature: packet(2, signature(sub, DATA, { type: 0 })) };
}

export const TEN_YEARS_LATER: number = KEY_CREATED + 10 * YEAR;
