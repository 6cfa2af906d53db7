import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { BaseKitError, type Context, printable, type Segment, step, systemErrorCode } from "@base-kit/core";
import { whyUnreadable } from "@base-kit/store";
import { tarFile } from "@base-kit/tar";
import { archiveDirectory } from "./archive-directory.ts";
import { followFile } from "./follow-file.ts";
import type { ReadDirectoryOptions } from "./read-directory.ts";
import { spoolFilled } from "./spool.ts";
import { treeCheck } from "./tree-check.ts";

export type DirectorySegmentOptions = ReadDirectoryOptions & {
  /** @default `base` */
  readonly origin?: string;
  /**
   * Gets the segment's archive while it is made: the stream waits for what is still to come, and fails as the reading does. A chunk
   * holds its bytes until the next but one is asked for.
   */
  readonly follow?: (archive: AsyncIterable<Uint8Array>) => void;
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
  const { origin = "base", follow, ...reading } = options;
  const path = resolve(directory);
  await requireDirectory(directory);
  return step(context, `reading ${printable(path)}`, async (handle) => {
    const check = treeCheck();
    const copy = await spoolFilled(context, async (file, onBytes) => {
      let size = 0;
      const followed = followFile(file);
      follow?.(followed.bytes());
      await archiveDirectory({ directory: path, file }, context, {
        ...reading,
        onEntry: check.see,
        onBytes: (bytes) => {
          onBytes(bytes);
          size += bytes.length;
          followed.advance(bytes.length);
          handle.progress(size);
        },
      }).then(
        () => followed.end(),
        (error: unknown) => {
          followed.end(error);
          throw error;
        },
      );
    });
    handle.detail(check.count() === 1 ? "1 entry" : `${check.count()} entries`);
    const file = tarFile(copy.path);
    const tree = check.tree(file);
    const archive = { path: copy.path, size: copy.size, digest: `sha256:${copy.sha256}` } as const;
    const key = `tar:sha256:${copy.sha256}`;
    return { key, origin, entries: file.entries, archive, ...(tree === undefined ? {} : { tree }) };
  });
}

/** What a path brings that leads to nothing. */
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

/**
 * A slash at the end follows a symbolic link, as everywhere.
 *
 * @throws BaseKitError `DIRECTORY_MISSING`, `DIRECTORY_NOT_ONE` (usage), `DIRECTORY_UNREADABLE` (environment)
 */
export async function requireDirectory(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    const what = `cannot read the directory ${printable(path)}: ${whyUnreadable(path, error)}`;
    if (!MISSING.includes(systemErrorCode(error))) {
      const hint = "Run as a user who may read all of it. Nothing was written.";
      throw new BaseKitError("DIRECTORY_UNREADABLE", what, { kind: "environment", hint, cause: error });
    }
    const hint = "Give the path of an existing directory. Nothing was written.";
    throw new BaseKitError("DIRECTORY_MISSING", what, { kind: "usage", hint, cause: error });
  });
  if (!found.isDirectory()) {
    throw new BaseKitError("DIRECTORY_NOT_ONE", `${printable(path)} is not a directory`, {
      kind: "usage",
      hint: found.isSymbolicLink()
        ? "It is a symbolic link: add a slash, or name what it leads to. Nothing was written."
        : "Give a directory. Nothing was written.",
    });
  }
}
