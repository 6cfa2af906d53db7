import { lstat, readdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/**
 * Where a directory really is that does not exist yet, or is empty.
 *
 * @throws what `refused` makes of the reason for one with something in it, or something else than a directory
 */
export async function requireNewDirectory(
  directory: string,
  refused: (why: string, cause?: unknown) => Error,
): Promise<string> {
  const path = resolve(directory);
  const found = await lstat(path).catch((error: unknown) => {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw refused(systemErrorReason(error), error);
  });
  if (found === undefined) return path;
  const real = await realpath(path);
  const names = await readdir(real).catch((error: unknown) => {
    throw refused(systemErrorCode(error) === "ENOTDIR" ? "it is not a directory" : systemErrorReason(error), error);
  });
  if (names.length > 0) throw refused(`there is something in it: ${printable(names[0] as string)}`);
  return real;
}
