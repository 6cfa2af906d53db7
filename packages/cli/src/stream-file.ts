import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/** Whether it is a named pipe, such as the shell's >(…), or a device: what is written to and never replaced. */
export async function isStream(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.isFIFO() || found.isCharacterDevice());
}

const PAUSE = 20;

/**
 * Waits until somebody reads, and ends early, without an error, when whoever reads has seen enough.
 *
 * @throws BaseKitError `WRITE_FAILED` (environment); what `signal` says
 */
export async function writeToStream(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  try {
    const file = await openOnceRead(path, signal);
    try {
      for (let at = 0; at < bytes.length; ) {
        const written = await unless("EAGAIN", async () => (await file.write(bytes, at)).bytesWritten);
        if (written === undefined) await sleep(PAUSE, undefined, { signal });
        else at += written;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (systemErrorCode(error) === "EPIPE") return;
    throw new BaseKitError("WRITE_FAILED", `cannot write ${printable(path)}: ${systemErrorReason(error)}`, {
      kind: "environment",
      cause: error,
    });
  }
}

/** Neither opening nor writing may wait in the kernel, from where no signal brings node back. */
async function openOnceRead(path: string, signal: AbortSignal): Promise<FileHandle> {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  for (;;) {
    const file = await unless("ENXIO", () => open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY));
    if (file !== undefined) return file;
    if (!(await isStream(path))) throw new Error("it is a pipe no more");
    await sleep(PAUSE, undefined, { signal });
  }
}

async function unless<T>(code: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (systemErrorCode(error) === code) return undefined;
    throw error;
  }
}
