import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { BaseKitError, type Context, printable, type Segment, step, systemErrorCode } from "@base-kit/core";
import { indexTar } from "@base-kit/tar";
import { gnuTarArguments, requireGnuTar, type TarDirectoryOptions, tarOutcome } from "./gnu-tar.ts";
import { spool } from "./spool.ts";

export interface DirectorySegmentOptions extends TarDirectoryOptions {
  /** @default `base` */
  readonly origin?: string;
}

/**
 * A directory on disk as entries, with owners, devices, hard links, xattrs and names of any bytes. GNU tar reads it: Node
 * can see neither xattrs nor, in a way that is safe against renaming, the tree as it was at one moment. The copy it makes is what
 * entries read from, so that later changes on disk do not matter.
 *
 * @throws BaseKitError `DIRECTORY_…` (environment, or usage when it is not a directory)
 */
export async function directorySegment(
  directory: string,
  context: Context,
  options: DirectorySegmentOptions = {},
): Promise<Segment> {
  const path = resolve(directory);
  await requireDirectory(path);
  const program = await requireGnuTar(context);
  return step(context, `reading ${printable(path)}`, async (handle) => {
    let copied: Awaited<ReturnType<typeof spool>> | undefined;
    const { exitCode, stderr } = await context.exec(program, gnuTarArguments(path, options), {
      signal: context.signal,
      expectedExitCodes: "any",
      stdout: async (chunks) => {
        copied = await spool(chunks, context, (written) => handle.progress(written));
      },
    });
    tarOutcome({ exitCode, stderr, directory: path, tolerant: options.live === true }, context.reporter);
    if (copied === undefined) throw new Error("tar was not read");
    const entries = indexTar(copied.path, { name: path });
    handle.detail(`${entries.length} entries`);
    return { key: `directory:sha256:${copied.sha256}`, origin: options.origin ?? "base", entries: () => entries };
  });
}

/** @throws BaseKitError `DIRECTORY_MISSING`, `DIRECTORY_NOT_ONE` (usage) */
export async function requireDirectory(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    throw new BaseKitError(
      "DIRECTORY_MISSING",
      `cannot read the directory ${printable(path)}: ${systemErrorCode(error) ?? error}`,
      {
        kind: "usage",
        hint: "Give the path of an existing directory; nothing was written.",
        cause: error,
      },
    );
  });
  if (!found.isDirectory()) {
    throw new BaseKitError("DIRECTORY_NOT_ONE", `${printable(path)} is not a directory`, {
      kind: "usage",
      hint: found.isSymbolicLink()
        ? "It is a symbolic link; add a slash or name what it leads to."
        : "Give a directory.",
    });
  }
}
