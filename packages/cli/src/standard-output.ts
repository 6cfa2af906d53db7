import { BaseKitError, systemErrorCode } from "@base-kit/core";

/** What stands for standard output where a file is named. */
export const STANDARD_OUTPUT = "-";

/**
 * Before anything is made that is to go through a pipe.
 *
 * @param example a command that does it
 * @throws BaseKitError `STDOUT_IS_TERMINAL`, `STDOUT_TWICE` (usage)
 */
export function requirePipe(example: string, { json }: { readonly json?: boolean | undefined }): void {
  if (process.stdout.isTTY === true) {
    throw new BaseKitError("STDOUT_IS_TERMINAL", "refusing to write a tar to a terminal", {
      kind: "usage",
      hint: `Give a file name, or pipe the output: ${example}`,
    });
  }
  requireNoJson("a tar", { json });
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

/** Ends early, and without an error, when whoever reads the pipe has seen enough. */
export async function writeToStdout(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { onChunk, signal }: WriteOptions,
): Promise<void> {
  for await (const chunk of chunks) {
    onChunk(chunk);
    const failure = await written(chunk, signal);
    if (systemErrorCode(failure) === "EPIPE") return;
    if (failure) throw failure;
  }
}

/** What came of the writing. Whoever reads the pipe may have stopped without closing it. */
function written(chunk: Uint8Array, signal: AbortSignal): Promise<unknown> {
  return new Promise((done) => {
    const stop = () => done(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    process.stdout.write(chunk, (error) => {
      signal.removeEventListener("abort", stop);
      done(error);
    });
  });
}
