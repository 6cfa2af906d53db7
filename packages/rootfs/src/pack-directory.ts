import type { Context } from "@base-kit/core";
import { repackTar } from "@base-kit/tar";
import { type ReadDirectoryOptions, readDirectory } from "./read-directory.ts";
import { trueTime } from "./true-time.ts";

/**
 * A directory as a deterministic tar, in one pass and little memory: equal trees give equal bytes.
 *
 * @throws BaseKitError as `readDirectory`
 */
export function packDirectory(
  directory: string,
  context: Context,
  options: ReadDirectoryOptions = {},
): AsyncGenerator<Buffer, void, void> {
  return repackTar(readDirectory(directory, context, options), {
    name: directory,
    limits: { unpacked: Number.POSITIVE_INFINITY, entries: Number.POSITIVE_INFINITY },
    change: (entry) => trueTime(directory, entry, options.clampTimes),
  });
}
