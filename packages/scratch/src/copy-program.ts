import { type BigIntStats, constants, createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import {
  BaseKitError,
  type Content,
  type Context,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { type Spool, spool } from "@base-kit/rootfs";

/** A private copy of a program: what was checked, hashed and is written is one and the same, whatever happens to the original. */
export interface ProgramCopy extends Spool {
  content(): Content;
  /** Permission bits of the original, with setuid, setgid and sticky. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/**
 * @throws BaseKitError `SCRATCH_PROGRAM_MISSING` (usage), `SCRATCH_PROGRAM_UNREADABLE` (environment),
 *   `SCRATCH_NOT_A_PROGRAM` (unsupported), `SCRATCH_PROGRAM_CHANGED` (failure)
 */
export async function copyProgram(
  file: string,
  context: Context,
  onBytes: (read: number) => void = () => {},
): Promise<ProgramCopy> {
  const handle = await openProgram(file);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) throw notAProgram(file, before);
    const copy = await spool(chunksOf(handle, file), context, onBytes);
    const after = await handle.stat({ bigint: true });
    if (!isSame(before, after) || BigInt(copy.size) !== before.size) throw changed(file);
    const content = () => createReadStream(copy.path, { highWaterMark: CHUNK });
    return { ...copy, content, mode: Number(before.mode & 0o7777n), mtime: Number(before.mtimeNs / 1_000_000_000n) };
  } finally {
    await handle.close();
  }
}

async function openProgram(file: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for a writer that may never come.
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new BaseKitError("SCRATCH_PROGRAM_MISSING", `the program ${printable(file)} does not exist`, {
        kind: "usage",
        hint: file.includes("\ufffd")
          ? "Nothing was written. A name that is not UTF-8 cannot be given here: make a link to the file (ln -s) and name that."
          : "Nothing was written. Name the file itself: programs are not searched for on the PATH.",
        cause: error,
      });
    }
    throw unreadable(file, error);
  }
}

const CHUNK = 1024 ** 2;

async function* chunksOf(handle: FileHandle, file: string): AsyncGenerator<Uint8Array, void, void> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, position).catch((error: unknown) => {
      throw unreadable(file, error);
    });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The time of the last status change cannot be set back, so that it tells of a change that restores size and mtime. */
function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

function notAProgram(file: string, stat: BigIntStats): BaseKitError {
  const what = stat.isDirectory() ? "a folder" : stat.isFIFO() ? "a named pipe" : "a device or socket";
  return new BaseKitError("SCRATCH_NOT_A_PROGRAM", `${printable(file)} is ${what}, expected a program`, {
    kind: "unsupported",
    hint: stat.isDirectory()
      ? "`base-kit import` makes an image of a folder. Nothing was written."
      : "Nothing was written.",
  });
}

function unreadable(file: string, error: unknown): BaseKitError {
  const why = systemErrorReason(error);
  return new BaseKitError("SCRATCH_PROGRAM_UNREADABLE", `reading the program ${printable(file)} failed: ${why}`, {
    kind: "environment",
    hint: "Nothing was written.",
    cause: error,
  });
}

function changed(file: string): BaseKitError {
  return new BaseKitError("SCRATCH_PROGRAM_CHANGED", `the program ${printable(file)} changed while it was read`, {
    kind: "failure",
    hint: "Wait until it is built or copied completely and try again. Nothing was written.",
  });
}
