import type { Context, Entry } from "@base-kit/core";
import { streamTar, writeTar } from "@base-kit/tar";
import { type ReadDirectoryOptions, readDirectory } from "./read-directory.ts";

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
  const { clampTimes = Number.POSITIVE_INFINITY, ...reading } = options;
  const entries = streamTar(readDirectory(directory, context, reading), { name: directory });
  return writeTar(clamped(entries, clampTimes));
}

async function* clamped(entries: AsyncIterable<Entry>, epoch: number): AsyncGenerator<Entry, void, void> {
  for await (const entry of entries) yield entry.mtime > epoch ? { ...entry, mtime: epoch } : entry;
}
