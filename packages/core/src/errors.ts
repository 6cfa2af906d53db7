/**
 * What a failure is about; it decides the exit code, so that a script can tell a bad option from a bad mirror.
 */
export type ErrorKind =
  | "failure"
  | "usage"
  | "verification"
  | "network"
  | "environment"
  | "unsupported"
  | "interrupted"
  | "internal";

/** Of the command line; they do not change between versions. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  failure: 1,
  usage: 2,
  verification: 3,
  network: 4,
  environment: 5,
  unsupported: 6,
  internal: 70,
  interrupted: 130,
};

export interface BaseKitErrorOptions {
  readonly kind: ErrorKind;
  /** What to do now, and what was left untouched. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The one error that people are meant to read. `code` is stable (`TAR_TRUNCATED`) and never reused; the message names the
 * object, what was expected and what was found, with untrusted parts through `printable` and URLs through `redactUrl`.
 */
export class BaseKitError extends Error {
  override readonly name = "BaseKitError";
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: BaseKitErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = options.kind;
    this.hint = options.hint;
  }
}

/** By name, not by class: two copies of this package may be installed side by side. */
export function isBaseKitError(error: unknown): error is BaseKitError {
  return error instanceof Error && error.name === "BaseKitError" && "code" in error && "kind" in error;
}

/** The code of a system error such as `ENOENT`, if that is what it is. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
