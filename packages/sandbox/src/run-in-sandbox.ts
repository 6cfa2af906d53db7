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
import { type Backend, isolation, type Local } from "./backend.ts";
import { keepFailed, keepOutput } from "./keep-failed.ts";
import { NAMESPACES_HOOKS } from "./namespaces.ts";
import { OWNER_PROGRAM_FILES, OWNER_PROGRAMS } from "./owner-programs.ts";
import type { Inodes } from "./owners.ts";
import { PLAIN_CHROOT_HOOKS } from "./plain-chroot.ts";
import { prepareContainer } from "./run-in-container.ts";
import { sandboxScript } from "./script.ts";

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
  readonly timeoutMs?: number | undefined;
  /** When it fails or is stopped: a new or empty folder for the tree as it is then, and for all that was printed. @default nothing is kept */
  readonly keepFailed?: string | undefined;
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

/** How a backend is told to run a command. Where the directory has a file `keep`, there is a result also of one that failed. */
export interface BackendOptions {
  /** A directory of its own, which somebody else removes. */
  readonly work: string;
  readonly context: Context;
  readonly onStderrLine: (line: string) => void;
  readonly timeoutMs: number;
  /** Between the wish that it ends and its end by force. @default the backend's */
  readonly graceMs?: number;
}

/** A command that a backend is ready to run. */
export interface BackendRun {
  /** Resolves to its exit code. */
  start(): Promise<number>;
  /** Reads what it left. */
  result(): Promise<SandboxResult>;
}

const TIME = 10 * 60_000;
const SHOWN = 30;
/** For a large tree to be packed. */
const KEEPING_MS = 60_000;

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
  const { keepFailed: folder, timeoutMs = TIME } = command;
  const output = folder === undefined ? undefined : keepOutput(work);
  if (folder !== undefined) await writeFile(join(work, "keep"), "");
  const last: string[] = [];
  let missed: string | undefined;
  const onStderrLine = (line: string): void => {
    if (backend === "plain-chroot" && /\/proc(?![\w-])/.test(line)) missed ??= line;
    last.push(line);
    if (last.length > SHOWN) last.shift();
    output?.add(line);
    command.onLine?.(line);
  };
  const options = { work, context, onStderrLine, timeoutMs, ...(folder === undefined ? {} : { graceMs: KEEPING_MS }) };
  try {
    const run = await (backend === "container"
      ? prepareContainer(command, options)
      : prepareLocal(command, { ...options, backend }));
    // Scripts may go on after that, and leave another tree than elsewhere: those of systemd do.
    const failure = (await failureOf(run, { backend, timeoutMs, last })) ?? (missed && withoutProc(missed));
    if (failure === undefined) return await use(await run.result());
    if (folder === undefined || output === undefined) throw failure;
    throw await keepFailed(failure, { folder, output: output.file, before: command.entries, result: run.result });
  } finally {
    output?.close();
    await rm(work, { recursive: true, force: true });
  }
}

/** What is to be told when it did not end well. */
async function failureOf(
  run: BackendRun,
  {
    backend,
    timeoutMs,
    last,
  }: { readonly backend: Backend; readonly timeoutMs: number; readonly last: readonly string[] },
): Promise<unknown> {
  const without = backend === "plain-chroot" ? ", without /proc, because nothing may be mounted here" : "";
  try {
    const exitCode = await run.start();
    return exitCode === 0 ? undefined : failed("SANDBOX_FAILED", `it ended with ${exitCode}${without}`, last);
  } catch (error) {
    if (!isBaseKitError(error) || error.code !== "EXEC_TIMEOUT") return error;
    return failed("SANDBOX_TIMEOUT", `it did not end within ${timeoutMs / 1000} s`, last, error);
  }
}

function withoutProc(line: string): BaseKitError {
  return failed("SANDBOX_FAILED", "a program looked for /proc, and nothing may be mounted here", [line]);
}

async function prepareLocal(
  command: SandboxCommand,
  { backend, work, context, ...options }: BackendOptions & { readonly backend: Local },
): Promise<BackendRun> {
  await writeFile(join(work, "script"), command.script);
  const env = { ...command.env };
  if (backend === "single-user") {
    const programs = join(work, "owner-programs");
    await mkdir(programs);
    for (const [name, text] of Object.entries(OWNER_PROGRAM_FILES)) await writeFile(join(programs, name), text);
    env["PATH"] = `${OWNER_PROGRAMS}:${env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;
  }
  const start = async (): Promise<number> => {
    const hooks = backend === "plain-chroot" ? PLAIN_CHROOT_HOOKS : NAMESPACES_HOOKS;
    const script = ["sh", "-c", sandboxScript(hooks), "sandbox", work, String(command.size)];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const { exitCode } = await context.exec("setpriv", [...isolation(backend), ...script, ...variables], {
      ...options,
      stdin: writeTar(command.entries),
      expectedExitCodes: "any",
    });
    return exitCode;
  };
  const result = async (): Promise<SandboxResult> => {
    const left = indexTar(join(work, "changed.tar"), { name: "what the sandbox left" });
    const found = { left, inodes: await readInodes(join(work, "inodes")) };
    if (backend !== "single-user") return found;
    const log = await readFile(join(work, "owners"), "latin1");
    return { ...found, remembered: { inodes: await readInodes(join(work, "inodes-before")), log } };
  };
  return { start, result };
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
      hint: "Nothing of it is left: no process, no mount, no file. --keep-failed DIRECTORY keeps the tree as it is when this happens; what the scripts were given is written by --configure none -o rootfs:DIRECTORY.",
      cause,
    },
  );
}

/** A line as it is, unless it would do something to a terminal. */
function shown(line: string): string {
  const spaced = line.replaceAll("\t", " ");
  return /\p{Cc}/u.test(spaced) ? printable(spaced) : spaced;
}
