import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";
import { type Backend, unshareArguments } from "./backend.ts";
import { SANDBOX_SCRIPT } from "./script.ts";

export interface SandboxCommand {
  /** The root filesystem as a tar. */
  readonly tree: AsyncIterable<Uint8Array>;
  /** Bytes that the root filesystem may grow to; it is kept in memory. */
  readonly size: number;
  /** For `/bin/sh` of the root filesystem, as its root. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Sees each line that the command prints. */
  readonly onLine?: (line: string) => void;
  /** @default ten minutes */
  readonly timeoutMs?: number;
}

/** What the command left, to be compared with what it was given. */
export interface SandboxResult {
  /** A tar of all directories, and of every other entry that was made or changed. */
  readonly changed: string;
  /** Every path that is there, as bytes, `./` before each. */
  readonly paths: readonly Buffer[];
}

const TIME = 10 * 60_000;
const SHOWN = 30;

/**
 * Runs a command inside a root filesystem, without network, other processes or files of this machine, and hands what it changed to
 * `use`. When it ends, however it ends, nothing of it is left: no process, no mount, no file.
 *
 * @throws BaseKitError `SANDBOX_FAILED`, `SANDBOX_TIMEOUT` (failure) with the last lines that were printed
 */
export async function runInSandbox<T>(
  command: SandboxCommand,
  {
    backend,
    context,
    use,
  }: { readonly backend: Backend; readonly context: Context; readonly use: (result: SandboxResult) => Promise<T> },
): Promise<T> {
  const work = await mkdtemp(join(context.tempDir, "sandbox-"));
  const last: string[] = [];
  const onStderrLine = (line: string): void => {
    last.push(line);
    if (last.length > SHOWN) last.shift();
    command.onLine?.(line);
  };
  try {
    const { exitCode } = await context
      .exec(
        "unshare",
        [
          ...unshareArguments(backend),
          "--",
          "sh",
          "-c",
          SANDBOX_SCRIPT,
          "sandbox",
          work,
          String(command.size),
          command.script,
        ],
        {
          env: command.env,
          stdin: command.tree,
          onStderrLine,
          expectedExitCodes: "any",
          timeoutMs: command.timeoutMs ?? TIME,
        },
      )
      .catch((error: unknown) => {
        if (isBaseKitError(error) && error.code === "EXEC_TIMEOUT")
          throw failed("SANDBOX_TIMEOUT", `it did not end within ${(command.timeoutMs ?? TIME) / 1000} s`, last, error);
        throw error;
      });
    if (exitCode !== 0) throw failed("SANDBOX_FAILED", `it ended with ${exitCode}`, last);
    const paths = splitAtNul(await readFile(join(work, "paths")));
    return await use({ changed: join(work, "changed.tar"), paths });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function splitAtNul(bytes: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

function failed(code: string, why: string, lines: readonly string[], cause?: unknown): BaseKitError {
  return new BaseKitError(
    code,
    `the command inside the root filesystem failed: ${why}\n${lines.map((line) => `  ${line}`).join("\n")}`,
    {
      kind: "failure",
      hint: "Nothing of it is left: no process, no mount, no file.",
      cause,
    },
  );
}
