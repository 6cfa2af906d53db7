import { existsSync } from "node:fs";
import { BaseKitError, type ExecResult, printable, systemErrorCode } from "@base-kit/core";
import type { OutputTail } from "./exec-output.ts";

const SHOWN_LINES = 8;
const SHOWN_WORDS = 6;

interface Outcome {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly cause?: unknown;
}

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly stdout: OutputTail;
  readonly stderr: OutputTail;
  readonly expected: readonly number[] | "any";
}

/** The result of a program that ended as expected; else an error with the end of what it said. */
export function ended(
  { exitCode, signal, cause }: Outcome,
  { file, args, stdout, stderr, expected }: Command,
): ExecResult {
  const errors = stderr.bytes().toString("utf8");
  if (exitCode !== undefined && (expected === "any" || expected.includes(exitCode))) {
    return { exitCode, stdout: stdout.bytes(), stderr: errors };
  }
  const how =
    exitCode !== undefined
      ? `ended with exit code ${exitCode}`
      : signal !== undefined
        ? `was ended by ${signal}`
        : `failed: ${firstLine(cause)}`;
  const said = lastLines(errors) || lastLines(stdout.bytes().toString("utf8"));
  throw new BaseKitError("EXEC_FAILED", `${commandLine(file, args)} ${how}${said && `; it said:\n${said}`}`, {
    kind: "environment",
    cause,
  });
}

export function timedOut(file: string, timeoutMs: number): BaseKitError {
  return new BaseKitError("EXEC_TIMEOUT", `${printable(file)} did not end within ${timeoutMs / 1000} s`, {
    kind: "environment",
    hint: "It was ended, together with everything it had started.",
  });
}

export function cannotStart(file: string, cwd: string | undefined, cause: unknown): BaseKitError {
  // The system reports a missing working directory as a missing program.
  if (cwd !== undefined && !existsSync(cwd)) {
    return new BaseKitError("EXEC_FAILED", `cannot run ${printable(file)}: there is no folder ${printable(cwd)}`, {
      kind: "environment",
      cause,
    });
  }
  if (systemErrorCode(cause) === "ENOENT") {
    return new BaseKitError("EXEC_NOT_FOUND", `the program ${printable(file)} was not found`, {
      kind: "environment",
      hint: file.includes("/") ? "Check the path." : `Install ${printable(file)}, or add its folder to PATH.`,
      cause,
    });
  }
  return new BaseKitError("EXEC_FAILED", `cannot run ${printable(file)}: ${firstLine(cause)}`, {
    kind: "environment",
    cause,
  });
}

export function assertNoNul(file: string, args: readonly string[]): void {
  const wrong = [file, ...args].find((word) => word.includes("\0"));
  if (wrong === undefined) return;
  throw new BaseKitError("EXEC_FAILED", `cannot run ${printable(file)}: the argument ${printable(wrong)} holds a NUL`, {
    kind: "usage",
  });
}

/** The first words of the command: enough to know which one it was; the whole may be pages long. */
function commandLine(file: string, args: readonly string[]): string {
  const words = [file, ...args].slice(0, SHOWN_WORDS).map(printable).join(" ");
  return args.length >= SHOWN_WORDS ? `${words} …` : words;
}

function lastLines(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines
    .slice(-SHOWN_LINES)
    .map((line) => `  ${escapedLine(line)}`)
    .join("\n");
}

/** Escaped like any untrusted text, but without quotes: these are sentences. */
function escapedLine(line: string): string {
  const shown = printable(line.trimEnd());
  return shown.startsWith('"') ? shown.slice(1, -1) : shown;
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] ?? "";
}
