import { closeSync, constants, createWriteStream, openSync, writeSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { BaseKitError, type Entry, isBaseKitError, printable, systemErrorCode } from "@base-kit/core";
import { writeTar } from "@base-kit/tar";
import { entriesLeft } from "./changes.ts";
import type { SandboxResult } from "./run-in-sandbox.ts";

const TREE = "rootfs.tar";
const OUTPUT = "output.log";

/** All that a command prints, as a file: it may be much. */
export interface KeptOutput {
  readonly file: string;
  add(line: string): void;
  close(): void;
}

export function keepOutput(work: string): KeptOutput {
  const file = join(work, OUTPUT);
  const opened = openSync(file, "w");
  return { file, add: (line) => void writeSync(opened, `${line}\n`), close: () => closeSync(opened) };
}

export interface FailedRun {
  /** Where it is kept: a folder that is new or empty. */
  readonly folder: string;
  /** The file with all that was printed. */
  readonly output: string;
  readonly before: readonly Entry[];
  result(): Promise<SandboxResult>;
}

/**
 * Keeps what a command that failed has left: the tree as a tar, because files of other users, setuid programs and devices are not to
 * lie about on this machine, and all that was printed. Gives the error with a hint that tells where, or why not: whatever goes wrong
 * here, the error is why it was called.
 */
export async function keepFailed(error: unknown, { folder, output, before, result }: FailedRun): Promise<unknown> {
  const entries = await result().then((found) => entriesLeft(found, before), asError);
  // It was not even started.
  if (entries instanceof Error && (await stat(output)).size === 0) return error;
  try {
    await mkdir(folder, { recursive: true });
    const [other] = await readdir(folder);
    if (other !== undefined) return withHint(error, `Nothing was kept: there is something in ${printable(folder)}.`);
    await copyFile(output, join(folder, OUTPUT), constants.COPYFILE_EXCL);
  } catch (reason) {
    return withHint(error, `Nothing could be kept in ${printable(folder)}: ${asError(reason).message}.`);
  }
  const [tree, printed] = [TREE, OUTPUT].map((name) => printable(join(folder, name)));
  try {
    if (entries instanceof Error) throw entries;
    const unfinished = join(folder, `${TREE}.part`);
    await pipeline(writeTar(entries), createWriteStream(unfinished, { flags: "wx" }));
    await rename(unfinished, join(folder, TREE));
  } catch (reason) {
    const why =
      systemErrorCode(reason) === "ENOENT" ? "the sandbox ended before it was packed" : asError(reason).message;
    return withHint(error, `All that was printed is in ${printed}; the tree could not be kept: ${why}.`);
  }
  return withHint(
    error,
    `The tree as it was then is ${tree}, all that was printed ${printed}. \`docker import ${tree}\` makes an image to look around in. Nothing else of it is left: no process, no mount.`,
  );
}

function withHint(error: unknown, hint: string): unknown {
  if (!isBaseKitError(error)) return error;
  const { code, message, kind, cause } = error;
  return new BaseKitError(code, message, { kind, hint, cause });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
