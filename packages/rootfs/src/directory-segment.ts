import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { BaseKitError, type Context, printable, type Segment, step, systemErrorCode } from "@base-kit/core";
import { indexTar } from "@base-kit/tar";
import { packDirectory } from "./pack-directory.ts";
import type { ReadDirectoryOptions } from "./read-directory.ts";
import { spool } from "./spool.ts";

export type DirectorySegmentOptions = ReadDirectoryOptions & {
  /** @default `base` */
  readonly origin?: string;
};

/**
 * A directory on disk as entries. What was read is kept, so that later changes on disk do not matter.
 *
 * @throws BaseKitError `DIRECTORY_…` (environment, or usage when it is not a directory), as `readDirectory`
 */
export async function directorySegment(
  directory: string,
  context: Context,
  options: DirectorySegmentOptions = {},
): Promise<Segment> {
  const { origin = "base", ...reading } = options;
  const path = resolve(directory);
  await requireDirectory(directory);
  return step(context, `reading ${printable(path)}`, async (handle) => {
    const copy = await spool(packDirectory(path, context, reading), context, (bytes) => handle.progress(bytes));
    const entries = indexTar(copy.path, { name: path, limits: UNLIMITED });
    handle.detail(entries.length === 1 ? "1 entry" : `${entries.length} entries`);
    const archive = { path: copy.path, size: copy.size, digest: `sha256:${copy.sha256}` } as const;
    return { key: `tar:sha256:${copy.sha256}`, origin, entries: () => entries, archive };
  });
}

/** A directory is the user's own: it may be as large as it is. */
const UNLIMITED = { unpacked: Number.POSITIVE_INFINITY, entries: Number.POSITIVE_INFINITY };

/**
 * A slash at the end follows a symbolic link, as everywhere.
 *
 * @throws BaseKitError `DIRECTORY_MISSING`, `DIRECTORY_NOT_ONE` (usage)
 */
export async function requireDirectory(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    throw new BaseKitError(
      "DIRECTORY_MISSING",
      `cannot read the directory ${printable(path)}: ${systemErrorCode(error) ?? error}`,
      {
        kind: "usage",
        hint: "Give the path of an existing directory. Nothing was written.",
        cause: error,
      },
    );
  });
  if (!found.isDirectory()) {
    throw new BaseKitError("DIRECTORY_NOT_ONE", `${printable(path)} is not a directory`, {
      kind: "usage",
      hint: found.isSymbolicLink()
        ? "It is a symbolic link: add a slash, or name what it leads to."
        : "Give a directory.",
    });
  }
}
