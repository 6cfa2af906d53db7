import { createHash, randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, printable, systemErrorCode } from "@base-kit/core";

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
  const path = join(context.tempDir, `spool-${randomBytes(6).toString("hex")}`);
  const file = await open(path, "wx", 0o600).catch((error: unknown) => cannotKeep(context.tempDir, error));
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

async function writeWhole(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done)).bytesWritten;
  }
}

function cannotKeep(folder: string, error: unknown): never {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const why = full ? "no space is left on the device" : String(code ?? error);
  throw new BaseKitError("SPOOL_FAILED", `cannot write a temporary file in ${printable(folder)}: ${why}`, {
    kind: "environment",
    hint: "Set TMPDIR to a folder with more room. Outputs that were there before are untouched.",
    cause: error,
  });
}
