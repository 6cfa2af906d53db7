import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  BaseKitError,
  formatLockFile,
  type LockFile,
  type LockRequest,
  parseLockFile,
  printable,
  requestDifferences,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { outputPlace, requireFolderOf, writeFileAtomically } from "@base-kit/store";

export const LOCK_NAME = "base-kit.lock";

/**
 * The lock in a file, or undefined when there is no such file.
 *
 * @throws BaseKitError `LOCK_UNREADABLE` (environment), `LOCK_INVALID` (usage), `LOCK_TOO_NEW` (unsupported)
 */
export async function readLockFile(path: string): Promise<LockFile | undefined> {
  let text: string;
  try {
    if (!statSync(path).isFile()) throw new Error("it is not a file");
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new BaseKitError("LOCK_UNREADABLE", `cannot read the lock ${printable(path)}: ${systemErrorReason(error)}`, {
      kind: "environment",
      hint: "Make it readable, or name another one. Nothing was written.",
      cause: error,
    });
  }
  return parseLockFile(text, path);
}

/**
 * That a lock can be written there, before anything is done for it.
 *
 * @param made folders that come into being before it
 * @throws BaseKitError `WRITE_FAILED` (environment)
 */
export async function requireLockPlace(path: string, made: readonly string[] = []): Promise<void> {
  const place = outputPlace(path);
  if (!made.some((folder) => resolve(folder) === dirname(resolve(place)))) requireFolderOf(place);
}

export async function writeLockFile(path: string, file: LockFile): Promise<void> {
  await writeFileAtomically(path, [Buffer.from(formatLockFile(file))]);
}

/** @throws BaseKitError `LOCK_OTHER_REQUEST` (usage) when the lock was made for something else */
export function requireSameRequest(path: string, file: LockFile, asked: LockRequest): void {
  const differences = requestDifferences(file.request, asked);
  if (differences.length === 0) return;
  throw new BaseKitError(
    "LOCK_OTHER_REQUEST",
    `${printable(path)} is the lock of another request: ${differences.join("; ")}`,
    {
      kind: "usage",
      hint: "Ask for the same, make it again with `base-kit lock --update` (scratch: remove it), or name another file with --lockfile. It was left as it is.",
    },
  );
}
