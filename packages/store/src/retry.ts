import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";

/** Milliseconds before the second, third and fourth try, each with up to 10 % more so that clients do not come in step. */
const DELAYS = [1000, 3000, 9000] as const;
/** A server that wants more time than this gets its way: no further try. */
const RETRY_AFTER_AT_MOST_S = 60;

/** A failure that may not be there the next time. */
export class Temporary extends Error {
  override readonly cause: BaseKitError;
  /** Seconds the server asked to wait. */
  readonly retryAfter: number | undefined;

  constructor(cause: BaseKitError, retryAfter?: number) {
    super(cause.message);
    this.cause = cause;
    this.retryAfter = retryAfter;
  }
}

/** The tries that one file has. */
export interface Tries {
  /** Waits for the next try, or throws what went wrong when there is none left; whoever was stopped has none. */
  next(failure: Temporary): Promise<void>;
}

export function createTries(context: Context, delays: readonly number[] = DELAYS): Tries {
  let failed = 0;
  return {
    next: async ({ cause, retryAfter }) => {
      // A connection that was broken off on purpose looks like any other.
      context.signal.throwIfAborted();
      const delay = delays[failed++];
      if (delay === undefined) throw afterAll(cause, failed);
      if (retryAfter !== undefined && retryAfter > RETRY_AFTER_AT_MOST_S) throw tooLong(cause, retryAfter);
      const wait = Math.max(delay * (1 + Math.random() / 10), (retryAfter ?? 0) * 1000);
      const seconds = Math.max(1, Math.round(wait / 1000));
      context.reporter.emit({
        type: "noted",
        message: `${cause.message}; trying again in ${seconds} s (try ${failed + 1} of ${delays.length + 1})`,
      });
      await sleep(wait, undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted());
    },
  };
}

/** Seconds of a Retry-After header: RFC 9110 §10.2.3, a number or a date. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  // Names of days begin all its forms; Date.parse alone takes almost anything.
  const date = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil(date / 1000 - now));
}

function afterAll(cause: BaseKitError, tries: number): BaseKitError {
  if (tries === 1) return cause;
  return new BaseKitError(cause.code, `${cause.message} (${tries} tries)`, { ...options(cause), cause });
}

function tooLong(cause: BaseKitError, seconds: number): BaseKitError {
  return new BaseKitError(cause.code, `${cause.message}; it asks to come back in ${seconds} s`, {
    ...options(cause),
    hint: "Try again later, or use another mirror.",
    cause,
  });
}

function options({ kind, hint }: BaseKitError): { kind: BaseKitError["kind"]; hint?: string } {
  return { kind, ...(hint === undefined ? {} : { hint }) };
}

/** Whether a failure of `context.fetch` may not be there the next time. */
export function isTemporary(error: unknown): error is BaseKitError {
  return isBaseKitError(error) && error.code === "FETCH_FAILED";
}
