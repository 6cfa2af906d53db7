import { createHash } from "node:crypto";
import { join } from "node:path";
import { BaseKitError, type Digest, printable } from "@base-kit/core";

/** Folders that hold what is kept, each with one folder per first two digits of the names. */
export const KEPT_FOLDERS = ["sha256", "results"] as const;

/**
 * A file by its content: `sha256/ab/abcd…`.
 *
 * @throws BaseKitError `DIGEST_INVALID` (usage): it becomes a path
 */
export function contentPath(dir: string, digest: Digest): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) {
    throw new BaseKitError("DIGEST_INVALID", `not a sha256 digest: ${printable(digest)}`, { kind: "usage" });
  }
  return join(dir, "sha256", hex.slice(0, 2), hex);
}

/** A result by its key, which may be any text. */
export function resultPath(dir: string, key: string): string {
  const hex = createHash("sha256").update(key).digest("hex");
  return join(dir, "results", hex.slice(0, 2), hex);
}

/** Files that are being written. */
export function incomingFolder(dir: string): string {
  return join(dir, "incoming");
}

/** One file per process that uses the store. */
export function leasesFolder(dir: string): string {
  return join(dir, "in-use");
}
