import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  type ByteString,
  bytesFromBuffer,
  type Context,
  type Entry,
  isBaseKitError,
  printable,
} from "@base-kit/core";
import { indexTar, writeTar } from "@base-kit/tar";
import { type Backend, type Isolated, isolation } from "./backend.ts";
import { OWNER_PROGRAM_FILES, OWNER_PROGRAMS } from "./owner-programs.ts";
import type { Inodes } from "./owners.ts";
import { runInContainer } from "./run-in-container.ts";
import { SANDBOX_SCRIPT } from "./script.ts";

export interface SandboxCommand {
  /** The root filesystem: parents first, every path once. */
  readonly entries: readonly Entry[];
  /** Bytes that the root filesystem may grow to; it is kept in memory. */
  readonly size: number;
  /** For `/bin/sh` of the root filesystem, as its root. */
  readonly script: string;
  /** All that it sees: nothing of this machine's environment gets in. */
  readonly env: Readonly<Record<string, string>>;
  /** Sees each line that the command prints. */
  readonly onLine?: (line: string) => void;
  /** @default ten minutes */
  readonly timeoutMs?: number;
}

/** What the command left, to be compared with what it was given. */
export interface SandboxResult {
  /** Every entry that was made or changed, perhaps among others. Contents can be read as long as `use` runs. */
  readonly left: readonly Entry[];
  /** Every path that is there, with its inode's number. */
  readonly inodes: Inodes;
  /** Where no file could belong to another user than root: the numbers from before, and what was said of owners since. */
  readonly remembered?: { readonly inodes: Inodes; readonly log: string };
}

/** How a backend is told to run a command. */
export interface BackendRun {
  /** A directory of its own, which somebody else removes. */
  readonly work: string;
  readonly context: Context;
  readonly onStderrLine: (line: string) => void;
  readonly timeoutMs: number;
}

/** How it ended, and how to read what it left when that was well. */
export interface BackendEnd {
  readonly exitCode: number;
  result(): Promise<SandboxResult>;
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
  const timeoutMs = command.timeoutMs ?? TIME;
  const run = (options: BackendRun) =>
    backend === "container" ? runInContainer(command, options) : runInNamespaces(command, { ...options, backend });
  try {
    const { exitCode, result } = await run({ work, context, onStderrLine, timeoutMs }).catch((error: unknown) => {
      if (isBaseKitError(error) && error.code === "EXEC_TIMEOUT")
        throw failed("SANDBOX_TIMEOUT", `it did not end within ${timeoutMs / 1000} s`, last, error);
      throw error;
    });
    if (exitCode !== 0) throw failed("SANDBOX_FAILED", `it ended with ${exitCode}`, last);
    return await use(await result());
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runInNamespaces(
  command: SandboxCommand,
  { backend, work, context, ...options }: BackendRun & { readonly backend: Isolated },
): Promise<BackendEnd> {
  await writeFile(join(work, "script"), command.script);
  const env = { ...command.env };
  if (backend === "single-user") {
    const programs = join(work, "owner-programs");
    await mkdir(programs);
    for (const [name, text] of Object.entries(OWNER_PROGRAM_FILES)) await writeFile(join(programs, name), text);
    env["PATH"] = `${OWNER_PROGRAMS}:${env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;
  }
  const { exitCode } = await context.exec(
    "setpriv",
    [
      ...isolation(backend),
      "sh",
      "-c",
      SANDBOX_SCRIPT,
      "sandbox",
      work,
      String(command.size),
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ],
    { ...options, stdin: writeTar(command.entries), expectedExitCodes: "any" },
  );
  const result = async (): Promise<SandboxResult> => {
    const left = indexTar(join(work, "changed.tar"), { name: "what the sandbox left" });
    const found = { left, inodes: await readInodes(join(work, "inodes")) };
    if (backend !== "single-user") return found;
    const log = await readFile(join(work, "owners"), "latin1");
    return { ...found, remembered: { inodes: await readInodes(join(work, "inodes-before")), log } };
  };
  return { exitCode, result };
}

/** Records `INODE ./PATH`, each ended by a zero byte; the root is `.`. */
async function readInodes(file: string): Promise<Inodes> {
  const inodes = new Map<ByteString, string>();
  for (const record of bytesFromBuffer(await readFile(file)).split("\0")) {
    const space = record.indexOf(" ");
    if (space > 0) inodes.set(record.slice(space + 3) as ByteString, record.slice(0, space));
  }
  return inodes;
}

function failed(code: string, why: string, lines: readonly string[], cause?: unknown): BaseKitError {
  return new BaseKitError(
    code,
    `the command inside the root filesystem failed: ${why}\n${lines.map((line) => `  ${shown(line)}`).join("\n")}`,
    {
      kind: "failure",
      hint: "Nothing of it is left: no process, no mount, no file. What it was given is written by --configure none -o rootfs:DIRECTORY.",
      cause,
    },
  );
}

/** A line as it is, unless it would do something to a terminal. */
function shown(line: string): string {
  const spaced = line.replaceAll("\t", " ");
  return /\p{Cc}/u.test(spaced) ? printable(spaced) : spaced;
}
