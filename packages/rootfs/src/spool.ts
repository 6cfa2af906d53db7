import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  type Context,
  isBaseKitError,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";

export interface Spool {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Of the bytes written, in hexadecimal digits. */
  readonly sha256: string;
}

/**
 * Keeps a stream in the context's private directory, hashed on the way. A failed one leaves no file.
 *
 * @throws BaseKitError `SPOOL_FAILED` (environment) when it cannot be written; an error of `chunks` as it is
 */
export async function spool(
  chunks: AsyncIterable<Uint8Array>,
  context: Pick<Context, "tempDir" | "signal">,
  onBytes?: (written: number) => void,
): Promise<Spool> {
  const { path, file } = await create(context);
  try {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of chunks) {
      context.signal.throwIfAborted();
      const writing = writeWhole(file, chunk).catch((error: unknown) => cannotKeep(context.tempDir, error));
      // While another thread writes it.
      hash.update(chunk);
      await writing;
      size += chunk.length;
      onBytes?.(size);
    }
    await file.close();
    return { path, size, sha256: hash.digest("hex") };
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    // A source that was stopped by the signal says only that it was.
    context.signal.throwIfAborted();
    throw error;
  }
}

/**
 * The same for a stream that something else writes into the file: `fill` gets its path, where an empty file is, and tells what
 * it holds in the end.
 *
 * @throws BaseKitError `SPOOL_FAILED` (environment) for a system error of `fill`; its other errors as they are
 */
export async function spoolFilled(
  context: Pick<Context, "tempDir" | "signal">,
  fill: (path: string, onBytes: (bytes: Uint8Array) => void) => Promise<void>,
): Promise<Spool> {
  const { path, file } = await create(context);
  await file.close();
  const hash = createHash("sha256");
  let size = 0;
  try {
    await fill(path, (bytes) => {
      hash.update(bytes);
      size += bytes.length;
    });
    return { path, size, sha256: hash.digest("hex") };
  } catch (error) {
    await rm(path, { force: true });
    context.signal.throwIfAborted();
    if (isBaseKitError(error) || systemErrorCode(error) === undefined) throw error;
    return cannotKeep(context.tempDir, error);
  }
}

async function create({ tempDir }: Pick<Context, "tempDir">): Promise<{ path: string; file: FileHandle }> {
  const path = join(tempDir, `spool-${randomBytes(6).toString("hex")}`);
  const file = await open(path, "wx", 0o600).catch((error: unknown) => cannotKeep(tempDir, error));
  return { path, file };
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done)).bytesWritten;
  }
}

function cannotKeep(folder: string, error: unknown): never {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const why = full ? "no space is left on the device" : systemErrorReason(error);
  throw new BaseKitError("SPOOL_FAILED", `cannot write a temporary file in ${printable(folder)}: ${why}`, {
    kind: "environment",
    hint: "Set TMPDIR to a folder with more room. Outputs that were there before are untouched.",
    cause: error,
  });
}
