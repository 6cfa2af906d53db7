import { lstat, readdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { whyUnreadable } from "@base-kit/store";

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
  const unreadable = (error: unknown) => {
    throw refused(whyUnreadable(directory, error), error);
  };
  const found = await lstat(path).catch((error: unknown) =>
    systemErrorCode(error) === "ENOENT" ? undefined : unreadable(error),
  );
  if (found === undefined) return path;
  const real = await realpath(path).catch(unreadable);
  const names = await readdir(real).catch((error: unknown) => {
    throw refused(systemErrorCode(error) === "ENOTDIR" ? "it is not a directory" : systemErrorReason(error), error);
  });
  if (names.length > 0) throw refused(`there is something in it: ${printable(names[0] as string)}`);
  return real;
}
