import type { Context } from "@base-kit/core";
import { requireGnuTar, type TarDirectoryOptions } from "./gnu-tar.ts";
import { mountsBelow, noteMounts } from "./mounts-below.ts";

/** The program that reads a directory, and its options with what is mounted there left out, which a note names. */
export async function prepareReading(
  path: string,
  context: Context,
  options: TarDirectoryOptions,
): Promise<{ readonly program: string; readonly options: TarDirectoryOptions }> {
  const [program, mounts] = await Promise.all([requireGnuTar(context), mountsBelow(path)]);
  noteMounts(mounts, context);
  // A bind mount may be of the same file system, so that tar would not know it for one.
  const empty = [...(options.empty ?? []), ...mounts.directories];
  const exclude = [...(options.exclude ?? []), ...mounts.files];
  return { program, options: { ...options, empty, exclude } };
}
