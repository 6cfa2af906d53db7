import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { readSmallFile } from "./small-file.ts";

const DIGEST_SIZE = 32;

/** A result as it is stored: its own digest comes first, because its name says only what it is the result of. */
export function wrapResult(key: string, result: Uint8Array): readonly Uint8Array[] {
  return [digestOf(key, result), result];
}

/**
 * The result, when it is there and whole; a damaged one is removed, to be made again. One that was not used since `since` is marked
 * as used.
 */
export async function readResult(
  path: string,
  { key, since }: { readonly key: string; readonly since: number },
): Promise<Buffer | undefined> {
  const bytes = readSmallFile(path, since);
  if (bytes === undefined) return undefined;
  const result = bytes.subarray(DIGEST_SIZE);
  if (!bytes.subarray(0, DIGEST_SIZE).equals(digestOf(key, result))) {
    await rm(path, { recursive: true, force: true }).catch(() => {});
    return undefined;
  }
  return result;
}

function digestOf(key: string, result: Uint8Array): Buffer {
  return createHash("sha256").update(`${key.length}\0${key}\0`).update(result).digest();
}
