import { lstatSync } from "node:fs";
import { type ByteString, bufferFromBytes, bytesFromText } from "@base-kit/core";

/**
 * The time of what was read from a directory, in seconds and at most `clamp`. GNU tar is asked for whole seconds in the ustar
 * field and writes 0 for a time that does not fit there, before 1970 or after 2242; only then the file is looked at once more.
 * One that is gone keeps the 0.
 */
export function trueTime<T extends { readonly path: ByteString; readonly mtime: number }>(
  directory: string,
  entry: T,
  clamp: number = Number.POSITIVE_INFINITY,
): T {
  if (entry.mtime !== 0) return entry;
  const path = bufferFromBytes(`${bytesFromText(directory)}/${entry.path}` as ByteString);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? entry : { ...entry, mtime: Math.min(clamp, Math.floor(stat.mtimeMs / 1000)) };
}
