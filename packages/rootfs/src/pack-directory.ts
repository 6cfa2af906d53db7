import type { Context } from "@base-kit/core";
import { repackTar } from "@base-kit/tar";
import { type ReadDirectoryOptions, readDirectory } from "./read-directory.ts";
import { trueTime } from "./true-time.ts";

export type PackDirectoryOptions = ReadDirectoryOptions & {
  /** Seconds since 1970: no entry is newer. */
  readonly clampTimes?: number;
};

/**
 * A directory as a deterministic tar, in one pass and little memory: equal trees give equal bytes.
 *
 * @throws BaseKitError as `readDirectory`
 */
export function packDirectory(
  directory: string,
  context: Context,
  options: PackDirectoryOptions = {},
): AsyncGenerator<Buffer, void, void> {
  const { clampTimes: epoch = Number.POSITIVE_INFINITY, ...reading } = options;
  return repackTar(readDirectory(directory, context, reading), {
    name: directory,
    limits: { unpacked: Number.POSITIVE_INFINITY, entries: Number.POSITIVE_INFINITY },
    change: (entry) => {
      const timed = trueTime(directory, entry);
      return timed.mtime > epoch ? { ...timed, mtime: epoch } : timed;
    },
  });
}
