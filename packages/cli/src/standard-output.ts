import { constants, fstatSync, readFileSync, statSync } from "node:fs";
import { BaseKitError, systemErrorCode, systemErrorReason } from "@base-kit/core";

/** What stands for standard output where a file is named. */
export const STANDARD_OUTPUT = "-";

/**
 * Before anything is made that is to go through a pipe.
 *
 * @param example a command that does it
 * @throws BaseKitError `STDOUT_IS_TERMINAL`, `STDOUT_TWICE` (usage), `STDOUT_CLOSED` (environment)
 */
export function requirePipe(example: string, { json }: { readonly json?: boolean | undefined }): void {
  if (process.stdout.isTTY === true) {
    throw new BaseKitError("STDOUT_IS_TERMINAL", "refusing to write a tar to a terminal", {
      kind: "usage",
      hint: `Give a file name, or pipe the output: ${example}`,
    });
  }
  requireNoJson("a tar", { json });
  requireOpen();
}

/**
 * Node has put /dev/null in the place of what was closed, for reading as well. That is also what other programs give those they start
 * when they do not want to know, so it is for what was to go there on purpose.
 *
 * @throws BaseKitError `STDOUT_CLOSED` (environment)
 */
export function requireOpen(): void {
  if (!isClosed()) return;
  throw new BaseKitError("STDOUT_CLOSED", "standard output is closed", {
    kind: "environment",
    hint: "Name a file, or let it lead to one or to a pipe; > /dev/null throws it away. Nothing was done.",
  });
}

function isClosed(): boolean {
  const { fd } = process.stdout;
  try {
    if (fstatSync(fd).rdev !== statSync("/dev/null").rdev) return false;
    // In octal, open(2): proc_pid_fdinfo(5).
    const [, flags = ""] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & constants.O_RDWR) !== 0;
  } catch {
    // Where this cannot be seen.
    return false;
  }
}

/**
 * @param what goes to standard output
 * @throws BaseKitError `STDOUT_TWICE` (usage)
 */
export function requireNoJson(what: string, { json }: { readonly json?: boolean | undefined }): void {
  if (json !== true) return;
  throw new BaseKitError("STDOUT_TWICE", `refusing to write ${what} and --json both to standard output`, {
    kind: "usage",
    hint: "Give a file name, or leave --json away.",
  });
}

interface WriteOptions {
  readonly onChunk: (chunk: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/**
 * Ends early, and without an error, when whoever reads the pipe has seen enough.
 *
 * @throws BaseKitError `STDOUT_FAILED` (environment); what `signal` says
 */
export async function writeToStdout(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { onChunk, signal }: WriteOptions,
): Promise<void> {
  for await (const chunk of chunks) {
    onChunk(chunk);
    const failure = await written(chunk, signal);
    if (systemErrorCode(failure) === "EPIPE") return;
    signal.throwIfAborted();
    if (failure instanceof Error) throw stdoutFailure(failure);
  }
}

/** What came of the writing. Whoever reads the pipe may have stopped without closing it. */
function written(chunk: Uint8Array, signal: AbortSignal): Promise<unknown> {
  return new Promise((done) => {
    const stop = () => done(undefined);
    signal.addEventListener("abort", stop, { once: true });
    process.stdout.write(chunk, (error) => {
      signal.removeEventListener("abort", stop);
      done(error);
    });
  });
}

const failures = new WeakMap<Error, BaseKitError>();

/** One error for each that the system has: it comes to whoever writes, and as an event. */
export function stdoutFailure(cause: Error): BaseKitError {
  const failure =
    failures.get(cause) ??
    new BaseKitError("STDOUT_FAILED", `cannot write to standard output: ${systemErrorReason(cause)}`, {
      kind: "environment",
      hint: "What was to go there is not whole. Name a file, or let it lead to one or to a pipe.",
      cause,
    });
  failures.set(cause, failure);
  return failure;
}
