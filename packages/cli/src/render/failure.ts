import {
  BaseKitError,
  EXIT_CODES,
  isBaseKitError,
  printable,
  systemErrorCode,
  systemErrorMeaning,
} from "@base-kit/core";

/** The error as people see it: what failed, what to do, its code. Only an error nobody foresaw brings its stack. */
export function renderFailure(thrown: unknown): { readonly text: string; readonly exitCode: number } {
  const error = reasonOf(thrown);
  const known = isBaseKitError(error) ? error : fromSystem(error);
  if (known === undefined) {
    const shown = error instanceof Error ? (error.stack ?? error.message) : printable(String(error));
    return {
      text: `error: base-kit failed in a way it should not [INTERNAL]\n${shown}\nThis is a bug. Please report it, with the lines above and what \`base-kit doctor\` says.\n`,
      exitCode: EXIT_CODES.internal,
    };
  }
  const hint = known.hint === undefined ? "" : `\n${known.hint}`;
  return { text: `error: ${known.message} [${known.code}]${hint}\n`, exitCode: EXIT_CODES[known.kind] };
}

/** Where clearing up has failed as well, why it came to that. By name: Node 20 does not have the class. */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "SuppressedError" || !("suppressed" in error)) return error;
  return reasonOf(error.suppressed);
}

/** Errors of the operating system that no room has put into words. */
function fromSystem(error: unknown): BaseKitError | undefined {
  const code = systemErrorCode(error);
  const meaning = systemErrorMeaning(error);
  if (!(error instanceof Error) || meaning === undefined) return undefined;
  const { path } = error as NodeJS.ErrnoException;
  const where = path === undefined ? "" : `: ${printable(path)}`;
  const hint =
    code === "ENOSPC"
      ? "Free some space, or set TMPDIR and --cache-dir to a larger disk. Outputs that were there before are untouched."
      : "Outputs that were there before are untouched.";
  return new BaseKitError(`SYSTEM_${code}`, `${meaning}${where}`, { kind: "environment", hint, cause: error });
}
