import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "@base-kit/core";
import { type RepackTarFileOptions, repackTarFile } from "@base-kit/tar";
import { archiveFailure, gnuTarArguments, tarOutcome } from "./gnu-tar.ts";
import { prepareReading } from "./prepare-reading.ts";
import type { ReadDirectoryOptions } from "./read-directory.ts";
import { trueTime } from "./true-time.ts";

export interface ArchiveDirectoryOptions
  extends ReadDirectoryOptions,
    Pick<RepackTarFileOptions, "onBytes" | "onEntry"> {}

/** How long to leave GNU tar alone when all it has written is read. */
const PAUSE_MS = 2;

/**
 * A directory as a deterministic tar in a file that is there already: the bytes of `packDirectory`. GNU tar writes the file
 * itself, and each header is compared with ours behind its back, so that contents pass through no pipe and no second writer.
 *
 * @throws BaseKitError as `readDirectory`; a system error when the file cannot be written
 */
export async function archiveDirectory(
  { directory, file }: { readonly directory: string; readonly file: string },
  context: Context,
  options: ArchiveDirectoryOptions = {},
): Promise<void> {
  const { onBytes, onEntry, ...reading } = options;
  const path = resolve(directory);
  const { program, options: all } = await prepareReading(path, context, reading);
  const stopped = new AbortController();
  let ended = false;
  const writing = context
    .exec(program, gnuTarArguments(path, all, resolve(file)), {
      signal: AbortSignal.any([context.signal, stopped.signal]),
      expectedExitCodes: "any",
    })
    .then(({ exitCode, stderr }) => {
      const failure = exitCode === 0 ? undefined : archiveFailure(stderr);
      if (failure !== undefined) throw failure;
      tarOutcome({ exitCode, stderr, directory: path, tolerant: reading.live === true }, context.reporter);
    })
    .finally(() => {
      ended = true;
    });
  const over = writing.catch(() => {});
  const more = async () => {
    context.signal.throwIfAborted();
    if (ended) {
      await writing;
      return false;
    }
    await Promise.race([over, sleep(PAUSE_MS)]);
    return true;
  };
  try {
    await repackTarFile(file, {
      name: directory,
      more,
      timeless: (entry) => trueTime(path, entry, reading.clampTimes),
      ...(onBytes === undefined ? {} : { onBytes }),
      ...(onEntry === undefined ? {} : { onEntry }),
    });
  } finally {
    stopped.abort();
    await over;
  }
}
