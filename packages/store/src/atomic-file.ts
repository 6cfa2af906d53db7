import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { BaseKitError, isBaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { outputPlace, requireReplaceable, requireRoomFor } from "./output-place.ts";
import { removeAtExit } from "./remove-at-exit.ts";
import { removeTemporaries, temporaryName } from "./temporary-name.ts";

/**
 * Writes a file so that its name leads to the old content or to all of the new, whatever happens: a temporary name in the
 * same folder, fsync, rename, fsync of the folder. A symbolic link stays, and what it leads to is written.
 *
 * @param options.replaceLinks the link itself gives way: for names in a folder that may have come from somewhere else
 * @throws BaseKitError `WRITE_FAILED` or `DISK_FULL` (environment); an error of `chunks` as it is. The old file is untouched then.
 */
export async function writeFileAtomically(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { replaceLinks = false, ...options }: WriteFileOptions & { readonly replaceLinks?: boolean } = {},
): Promise<void> {
  if (replaceLinks) requireReplaceable(path);
  const place = replaceLinks ? path : outputPlace(path);
  await removeTemporaries(dirname(place));
  await replaceFile(place, chunks, { ...options, temporary: temporaryName(place), durable: true });
}

/**
 * The same for a file that something else writes: `fill` gets its temporary name, where an empty file is, and tells as it grows.
 *
 * @throws BaseKitError as `writeFileAtomically`, also for a system error of `fill`; its other errors as they are
 */
export async function fillFileAtomically(
  path: string,
  fill: (temporary: string, onBytes: (count: number) => void) => Promise<void>,
): Promise<void> {
  const place = outputPlace(path);
  await removeTemporaries(dirname(place));
  await replacing(place, { temporary: temporaryName(place), durable: true }, async (file, temporary) => {
    const startSync = syncAlongside(file);
    await fill(temporary, startSync).catch((error: unknown) => {
      throw isBaseKitError(error) || systemErrorCode(error) === undefined ? error : writeFailure(path, error);
    });
    // What has the name by now may be another file.
    const filled = await attempt(path, () => open(temporary, "r"));
    await attempt(path, () => filled.sync()).finally(() => filled.close());
  });
}

export interface WriteFileOptions {
  /** Looks at the finished file under its temporary name; when it throws, the old file stays. */
  readonly check?: (temporary: string) => Promise<void>;
  /** Sees each chunk while another thread writes it: the place for a digest. */
  readonly onChunk?: (chunk: Uint8Array) => void;
}

/** `temporary` must be on the same filesystem; not `durable` is for files that can be made again. */
export async function replaceFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { onChunk, check, ...options }: WriteFileOptions & Replacement,
): Promise<void> {
  await replacing(path, options, async (file) => {
    const startSync = options.durable ? syncAlongside(file) : () => {};
    for await (const chunk of chunks) {
      const writing = attempt(path, () => writeAll(file, chunk));
      // When both fail, one error is enough.
      writing.catch(() => {});
      onChunk?.(chunk);
      await writing;
      startSync(chunk.length);
    }
    const synced = options.durable ? attempt(path, () => file.sync()) : undefined;
    // When both fail, one error is enough.
    synced?.catch(() => {});
    // The disk may take as long as the check; what the check reads is in memory.
    await check?.(options.temporary);
    await synced;
  });
}

interface Replacement {
  readonly temporary: string;
  readonly durable: boolean;
}

async function replacing(
  path: string,
  { temporary, durable }: Replacement,
  write: (file: FileHandle, temporary: string) => Promise<void>,
): Promise<void> {
  const forget = removeAtExit(temporary);
  try {
    const file = await open(temporary, "wx").catch(async (error: unknown) => {
      requireRoomFor(path);
      throw writeFailure(path, error);
    });
    try {
      await write(file, temporary);
    } finally {
      await file.close();
    }
    await attempt(path, () => rename(temporary, path));
    if (durable) await syncFolder(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  } finally {
    forget();
  }
}

const SYNC_EVERY = 32 * 1024 ** 2;

/** Lets the disk write what is there while more is made, so that the fsync at the end has little left to wait for. */
function syncAlongside(file: FileHandle): (written: number) => void {
  let unsynced = 0;
  let running = false;
  return (written) => {
    unsynced += written;
    if (running || unsynced < SYNC_EVERY) return;
    unsynced = 0;
    running = true;
    // Whether it worked, the fsync at the end tells.
    file
      .datasync()
      .catch(() => {})
      .finally(() => {
        running = false;
      });
  };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw writeFailure(path, error);
  }
}

export function writeFailure(path: string, error: unknown): BaseKitError {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const why = full ? "no space is left on the device" : systemErrorReason(error);
  return new BaseKitError(full ? "DISK_FULL" : "WRITE_FAILED", `cannot write ${printable(path)}: ${why}`, {
    kind: "environment",
    hint: "What was there before is untouched.",
    cause: error,
  });
}

/** Makes the rename survive a power failure; some filesystems cannot do it for folders, which is no reason to fail. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch {
    // The file itself is written.
  }
}
