import { BaseKitError, type Context } from "@base-kit/core";
import {
  type AcceptedSignature,
  isRefusal,
  judge,
  type Refusal,
  type RefusalCode,
  type SignedData,
} from "./acceptable.ts";
import { readClearsigned } from "./clearsigned.ts";
import { detachedSignatures, requireSignatures } from "./detached.ts";
import type { Keyring } from "./keyring.ts";
import type { Packet } from "./packets.ts";

export interface VerifyOptions {
  readonly keyring: Keyring;
  /** What is being verified, for messages: `the Release of bookworm (http://…/InRelease)`. */
  readonly subject: string;
}

/** Text that is known to be what its signers signed. */
export interface Verified {
  /** Only this may be read, never the file that was verified. */
  readonly text: string;
  /** The acceptable signatures, at least one; unknown, expired and weak ones beside them are left out. */
  readonly signatures: readonly AcceptedSignature[];
}

type VerifyContext = Pick<Context, "clock">;

/**
 * Verifies a cleartext-signed file such as Debian's `InRelease`.
 *
 * @throws BaseKitError `SIGNATURE_…`, `OPENPGP_MALFORMED` (verification)
 */
export function verifyClearsigned(message: Uint8Array, options: VerifyOptions, context: VerifyContext): Verified {
  const { text, bytes, signatures } = readClearsigned(message, options.subject);
  return { text, signatures: accepted(signatures, { byType: { [TEXT]: () => bytes } }, options, context) };
}

/**
 * Verifies a file and its detached signature (armoured or binary), such as Debian's `Release` and `Release.gpg`.
 *
 * @throws BaseKitError `SIGNATURE_…`, `OPENPGP_MALFORMED` (verification)
 */
export function verifyDetached(
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
  options: VerifyOptions,
  context: VerifyContext,
): Verified {
  const packets = requireSignatures(detachedSignatures(signed.signature, options.subject), options.subject);
  const text = Buffer.from(signed.data).toString("utf8");
  const data = { byType: { [BINARY]: () => signed.data, [TEXT]: () => inCanonicalLines(signed.data) } };
  return { text, signatures: accepted(packets, data, options, context) };
}

/** Types of signature: RFC 9580 §5.2.1. */
const BINARY = 0x00;
const TEXT = 0x01;

function inCanonicalLines(data: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(data).toString("latin1").replace(/\r?\n/g, "\r\n"), "latin1");
}

function accepted(
  packets: readonly Packet[],
  data: SignedData,
  options: VerifyOptions,
  context: VerifyContext,
): readonly AcceptedSignature[] {
  const { keyring } = options;
  const judged = packets.map(({ body }) => judge(body, { data, keyring, now: context.clock.now() }));
  const refusals = judged.filter(isRefusal);
  const good = judged.filter((each): each is AcceptedSignature => !isRefusal(each));
  // As apt does: a key that is known and says that the content was changed is not outvoted by another signature.
  if (good.length === 0 || refusals.some(({ code }) => code === "SIGNATURE_BAD")) throw refused(refusals, options);
  return good;
}

const WORST_FIRST: readonly RefusalCode[] = [
  "SIGNATURE_BAD",
  "SIGNATURE_KEY_REVOKED",
  "SIGNATURE_KEY_EXPIRED",
  "SIGNATURE_EXPIRED",
  "SIGNATURE_WEAK",
  "SIGNATURE_FROM_FUTURE",
  "SIGNATURE_UNCHECKED",
  "SIGNATURE_UNKNOWN_KEY",
];

const HINTS: Partial<Readonly<Record<RefusalCode, string>>> = {
  SIGNATURE_BAD:
    "Something between the archive and here changed the file, or the mirror is in the middle of an update.",
  SIGNATURE_KEY_EXPIRED:
    "A newer keyring of the distribution may carry the key with a later date; a release that is no longer maintained stays expired.",
  SIGNATURE_FROM_FUTURE: "Set the clock of this machine right.",
  SIGNATURE_UNKNOWN_KEY: "Use the keyring of the archive that this mirror serves, or update it.",
};

function refused(refusals: readonly Refusal[], { subject, keyring }: VerifyOptions): BaseKitError {
  const code = WORST_FIRST.find((worse) => refusals.some((refusal) => refusal.code === worse)) ?? "SIGNATURE_MISSING";
  const reasons = refusals.map(({ text }) => text).join("; ") || "there is no signature";
  const message = `${subject} is not trusted: ${reasons}. Keyring: ${keyring.source}`;
  const hint = code === "SIGNATURE_MISSING" ? undefined : HINTS[code];
  return new BaseKitError(code, message, { kind: "verification", ...(hint === undefined ? {} : { hint }) });
}
