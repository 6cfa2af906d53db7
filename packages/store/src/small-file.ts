import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { systemErrorCode } from "@base-kit/core";
import { writeFailure } from "./atomic-file.ts";
import { removeAtExit } from "./remove-at-exit.ts";

/** Up to this size a file is read and written without waiting: among hundreds the waits together take longer than the work. */
export const SMALL: number = 1024 ** 2;

/**
 * Puts a file that can be made again in its place, so that its name leads to the old content or to all of the new, but not after a
 * power failure. `temporary` must be on the same filesystem; the file's own folder is made when it is missing.
 *
 * @throws BaseKitError `WRITE_FAILED` or `DISK_FULL` (environment)
 */
export function replaceSmallFile(path: string, chunks: readonly Uint8Array[], temporary: string): void {
  const forget = removeAtExit(temporary);
  try {
    const file = openSync(temporary, "wx");
    try {
      for (const chunk of chunks) writeWhole(file, chunk);
    } finally {
      closeSync(file);
    }
    renameInto(temporary, path);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
    throw writeFailure(path, error);
  } finally {
    forget();
  }
}

/** Mostly the folder is there: asking for it each time would be a third of the work. */
function renameInto(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true });
    renameSync(temporary, path);
  }
}

function writeWhole(file: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
}

/** Its content, when it can be read, which of a folder is empty; a time of last use before `since` (milliseconds since 1970) is set to now. */
export function readSmallFile(path: string, since: number): Buffer | undefined {
  try {
    const file = openSync(path, "r");
    try {
      const { size, mtimeMs } = fstatSync(file);
      if (mtimeMs < since) markUsed(path);
      const bytes = Buffer.allocUnsafe(size);
      let filled = 0;
      for (let read = -1; read !== 0 && filled < size; filled += read) {
        read = readSync(file, bytes, filled, size - filled, null);
      }
      return bytes.subarray(0, filled);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return systemErrorCode(error) === "EISDIR" ? Buffer.alloc(0) : undefined;
  }
}

/**
 * The content of a regular file that is small; undefined of anything else, which is to be read in pieces and may be waited for.
 *
 * @throws Error of node:fs
 */
export function readSmallFileOf(path: string): Buffer | undefined {
  const found = statSync(path);
  return found.isFile() && found.size <= SMALL ? readFileSync(path) : undefined;
}

function markUsed(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Somebody else's store can be read too.
  }
}
