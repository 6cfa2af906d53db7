import { stat } from "node:fs/promises";
import {
  BaseKitError,
  type Context,
  isBaseKitError,
  printable,
  type Segment,
  step,
  systemErrorCode,
} from "@base-kit/core";
import { type DirectorySegmentOptions, directorySegment, spool, stoppable, tarSegment } from "@base-kit/rootfs";
import { whyUnreadable } from "@base-kit/store";
import type { WrittenPlace } from "./file-places.ts";
import { ownFiles } from "./own-files.ts";
import { isRunningRoot, runningRootOptions } from "./running-root.ts";

export interface ImportSource {
  readonly kind: "directory" | "file" | "standard input";
  readonly path: string;
}

/**
 * Before anything is done with it: what a name given to `import` stands for.
 *
 * @throws BaseKitError `IMPORT_FROM_TERMINAL` (usage); `IMPORT_SOURCE` for what is not there (usage), or may not be read (environment)
 */
export async function findImportSource(path: string): Promise<ImportSource> {
  if (path === "-") {
    if (process.stdin.isTTY !== true) return { kind: "standard input", path };
    throw new BaseKitError("IMPORT_FROM_TERMINAL", "refusing to read a tar from a terminal", {
      kind: "usage",
      hint: "Give a file name, or pipe the input: tar -C DIR -c . | base-kit import - NAME",
    });
  }
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return { kind: found.isDirectory() ? "directory" : "file", path };
}

/**
 * @param options for a directory: what is written, of which nothing is read, and who gets its archive while it is read
 * @throws BaseKitError as `tarSegment` and `directorySegment`, or `findImportSource` for what cannot be read any more
 */
export async function readImportSource(
  { kind, path }: ImportSource,
  context: Context,
  { places, ...following }: Pick<DirectorySegmentOptions, "follow"> & { readonly places: readonly WrittenPlace[] },
): Promise<Segment> {
  if (kind === "directory") {
    const reading = (await isRunningRoot(path)) ? await runningRootOptions(context) : { empty: ["dev", "proc", "sys"] };
    const excludePatterns = await ownFiles(path, places, context);
    return directorySegment(path, context, { ...reading, excludePatterns, ...following });
  }
  if (kind === "file") {
    return step(context, `reading ${printable(path)}`, () =>
      tarSegment(path, context).catch((error: unknown) => {
        throw isBaseKitError(error) || systemErrorCode(error) === undefined ? error : unreadable(path, error);
      }),
    );
  }
  return step(context, "reading standard input", async (handle) => {
    const { path: copy } = await spool(stoppable(process.stdin, context.signal), context, (bytes) =>
      handle.progress(bytes),
    );
    return tarSegment(copy, context, { name: "standard input" });
  });
}

/** What comes of a mistake in the path; anything else is for whoever looks after the machine. */
const MISTAKES: readonly unknown[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

function unreadable(path: string, error: unknown): BaseKitError {
  const isMistake = MISTAKES.includes(systemErrorCode(error));
  return new BaseKitError(
    "IMPORT_SOURCE",
    `cannot import ${printable(path)}: ${whyUnreadable(path, error)}; expected a directory or a tar file`,
    {
      kind: isMistake ? "usage" : "environment",
      hint: `${advice(path, isMistake)} Nothing was written.`,
      cause: error,
    },
  );
}

function advice(path: string, isMistake: boolean): string {
  if (!isMistake) return "Run as a user who may read it.";
  // That is what node makes of such bytes.
  if (path.includes("\ufffd")) {
    return "A name that is not UTF-8 cannot be given here: make a link to it (ln -s) and name that, for a directory with a slash.";
  }
  const start = path.startsWith("/") ? "" : ` The path begins in ${printable(process.cwd())}.`;
  return `Give a directory, a tar file (plain or compressed), or - for standard input.${start}`;
}
