import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";
import { type AcceptedSignature, isRefusal, judge, type Refusal, type RefusalCode } from "./acceptable.ts";
import { requireClearsigned } from "./clearsigned.ts";
import { detachedSignatures } from "./detached.ts";
import { parseGpgvStatus } from "./gpgv-status.ts";
import type { Keyring } from "./keyring.ts";

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

type VerifyContext = Pick<Context, "exec" | "clock" | "tempDir">;

/**
 * Verifies a cleartext-signed file such as Debian's `InRelease` with gpgv.
 *
 * @throws BaseKitError `SIGNATURE_…`, `OPENPGP_MALFORMED` (verification), `GPGV_MISSING` (environment)
 */
export async function verifyClearsigned(
  message: Uint8Array,
  options: VerifyOptions,
  context: VerifyContext,
): Promise<Verified> {
  requireClearsigned(message, options.subject);
  return withFiles({ message, keyring: options.keyring.packets }, context, async (dir) => {
    const signatures = await runGpgv([join(dir, "message")], dir, options, context);
    return { text: await readFile(join(dir, "text"), "utf8"), signatures };
  });
}

/**
 * Verifies a file and its detached signature (armoured or binary), such as Debian's `Release` and `Release.gpg`.
 *
 * @throws BaseKitError `SIGNATURE_…`, `OPENPGP_MALFORMED` (verification), `GPGV_MISSING` (environment)
 */
export async function verifyDetached(
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
  options: VerifyOptions,
  context: VerifyContext,
): Promise<Verified> {
  const signature = detachedSignatures(signed.signature, options.subject);
  return withFiles({ data: signed.data, signature, keyring: options.keyring.packets }, context, async (dir) => {
    const signatures = await runGpgv([join(dir, "signature"), join(dir, "data")], dir, options, context);
    return { text: Buffer.from(signed.data).toString("utf8"), signatures };
  });
}

/** Whatever the verdict is; another code means that gpgv did not come to one. */
const GPGV_EXIT_CODES = [0, 1, 2];

async function runGpgv(
  files: readonly string[],
  dir: string,
  options: VerifyOptions,
  context: VerifyContext,
): Promise<readonly AcceptedSignature[]> {
  // An own home directory, so that no configuration or key of the user takes part. Time conflicts are judged afterwards,
  // with a tolerance, instead of gpgv's refusal of a signature that is one second ahead of this clock.
  const settings = ["--homedir", dir, "--keyring", join(dir, "keyring"), "--ignore-time-conflict"];
  const args = [...settings, "--status-fd", "1", "--output", join(dir, "text"), ...files];
  const { stdout } = await context.exec("gpgv", args, { expectedExitCodes: GPGV_EXIT_CODES }).catch(explainMissingGpgv);
  const judged = parseGpgvStatus(stdout.toString("utf8")).map((status) =>
    judge(status, options.keyring, context.clock.now()),
  );
  const refusals = judged.filter(isRefusal);
  const accepted = judged.filter((each): each is AcceptedSignature => !isRefusal(each));
  // As apt does: a key that is known and says that the content was changed is not outvoted by another signature.
  if (accepted.length === 0 || refusals.some(({ code }) => code === "SIGNATURE_BAD")) throw refused(refusals, options);
  return accepted;
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
  const reasons = refusals.map(({ text }) => text).join("; ") || "gpgv found no signature";
  const message = `${subject} is not trusted: ${reasons}. Keyring: ${keyring.source}`;
  const hint = code === "SIGNATURE_MISSING" ? undefined : HINTS[code];
  return new BaseKitError(code, message, { kind: "verification", ...(hint === undefined ? {} : { hint }) });
}

async function withFiles<T>(
  files: Readonly<Record<string, Uint8Array>>,
  context: VerifyContext,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(context.tempDir, "gpgv-"));
  try {
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(dir, name), bytes);
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function explainMissingGpgv(error: unknown): never {
  if (!isBaseKitError(error) || error.code !== "EXEC_NOT_FOUND") throw error;
  throw new BaseKitError("GPGV_MISSING", "signatures cannot be verified: gpgv is not installed", {
    kind: "environment",
    hint: "Install it: apt-get install gpgv (Debian, Ubuntu), dnf install gnupg2, apk add gnupg, brew install gnupg.",
    cause: error,
  });
}
