import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { BaseKitError, type Context, printable, type Reporter } from "@base-kit/core";

export interface TarDirectoryOptions {
  /** Paths relative to the directory that are left out with all that is in them; names, not patterns. */
  readonly exclude?: readonly string[];
  /** The same as patterns with `*`, `?` and `[…]`. */
  readonly excludePatterns?: readonly string[];
  /** Paths relative to the directory that stay as empty directories. */
  readonly empty?: readonly string[];
  /** Seconds since 1970: no entry is newer. */
  readonly clampTimes?: number;
  /** The directory is in use (a running machine): a file that changes while it is read is a warning, not an error. */
  readonly live?: boolean;
}

/**
 * Arguments with which GNU tar writes a directory in our order, without what differs from run to run, and almost always in our
 * very bytes: to `output`, or to its standard output.
 */
export function gnuTarArguments(directory: string, options: TarDirectoryOptions = {}, output = "-"): string[] {
  const { exclude = [], excludePatterns = [], empty = [], clampTimes } = options;
  return [
    "--create",
    `--file=${output}`,
    // A name with a colon is not one on another machine.
    "--force-local",
    // 256 KiB at a time instead of 10 halve the time of a large archive.
    "--blocking-factor=512",
    "--format=posix",
    // With fractions of seconds every file would need a header of its own, which doubles an archive of small files.
    // What ustar cannot say of the rest comes out as 0; `trueTime` puts it right.
    "--pax-option=delete=atime,delete=ctime,delete=mtime",
    ...(clampTimes === undefined ? [] : [`--mtime=@${clampTimes}`, "--clamp-mtime"]),
    "--sort=name",
    "--numeric-owner",
    // Names of members and what hard links lead to, not what symbolic links do.
    "--transform=flags=rhS;s,^\\./,,",
    // Labels of the host's SELinux or of an overlay are not the image's business; capabilities are.
    "--xattrs",
    "--xattrs-include=security.capability",
    "--xattrs-include=user.*",
    // A forgotten mount of /proc would be read for ever; mount points stay as empty directories.
    "--one-file-system",
    "--anchored",
    "--no-wildcards",
    ...exclude.map((path) => `--exclude=${inside(path)}`),
    "--wildcards",
    ...excludePatterns.map((pattern) => `--exclude=${inside(pattern)}`),
    ...empty.map((path) => `--exclude=${escapeWildcards(inside(path))}/*`),
    `--directory=${directory}`,
    "--",
    ".",
  ];
}

function inside(path: string): string {
  return `./${path.replace(/^(?:\.?\/+)+/, "").replace(/\/+$/, "")}`;
}

/** A name as a pattern that matches nothing else. */
export function escapeWildcards(path: string): string {
  return path.replace(/[*?[\\]/g, "\\$&");
}

type Needed = Pick<Context, "exec" | "env" | "store">;

const found = new WeakMap<Context["exec"], Promise<string>>();

/**
 * The GNU tar of this machine; on macOS it is installed as `gtar`. Looked for once: who knows that it will be needed may ask early.
 *
 * @throws BaseKitError `TAR_PROGRAM_MISSING` (environment)
 */
export function requireGnuTar(context: Needed): Promise<string> {
  const program = found.get(context.exec) ?? findGnuTar(context);
  found.set(context.exec, program);
  return program;
}

async function findGnuTar(context: Needed): Promise<string> {
  for (const program of ["tar", "gtar"]) if (await isGnuTar(program, context)) return program;
  throw new BaseKitError("TAR_PROGRAM_MISSING", "reading a directory needs GNU tar; found none as tar or gtar", {
    kind: "environment",
    hint: "Install it (apk add tar, brew install gnu-tar), or give a tar file instead of a directory. Nothing was written.",
  });
}

/** A program that said so once is not asked again: to start it takes as long as to read a thousand files. */
async function isGnuTar(program: string, { exec, env, store }: Needed): Promise<boolean> {
  const identity = identityOf(program, env["PATH"]);
  const key = identity && `program 2 ${identity}`;
  if (key !== undefined && (await store.recall(key))?.toString() === GNU_TAR) return true;
  const version = await exec(program, ["--version"], { expectedExitCodes: "any" }).catch(() => undefined);
  const isGnu = version?.stdout.toString().includes(GNU_TAR) === true;
  // Without a cache it is asked each time.
  if (isGnu && key !== undefined) await store.remember(key, Buffer.from(GNU_TAR)).catch(() => {});
  return isGnu;
}

const GNU_TAR = "GNU tar";

/** The file that would be run, as it is now: the first that may be, as execvp(3) looks for it. */
function identityOf(program: string, searched = ""): string | undefined {
  // Where PATH has nothing between two colons, our programs do not look in the working directory.
  for (const folder of searched.split(delimiter).filter((each) => each !== "")) {
    const path = resolve(folder, program);
    try {
      const file = statSync(path);
      if (!file.isFile()) continue;
      accessSync(path, constants.X_OK);
      return [path, file.dev, file.ino, file.size, file.mtimeMs, file.ctimeMs].join("\0");
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

export interface TarOutcome {
  readonly exitCode: number;
  readonly stderr: string;
  readonly directory: string;
  readonly tolerant: boolean;
}

/** What a system error in writing the archive would be, had it happened here and not in tar. */
export function archiveFailure(stderr: string): NodeJS.ErrnoException | undefined {
  const found = /: (?:Cannot write: (.+)|Wrote only \d+ of \d+ bytes)$/m.exec(stderr);
  if (found === null) return undefined;
  // A disk takes a part only when it has no room for all.
  const why = found[1] ?? "No space left on device";
  return Object.assign(new Error(why), { code: WRITE_ERRORS[why] ?? "EIO" });
}

/** strerror(3) in the C locale. */
const WRITE_ERRORS: Readonly<Record<string, string>> = {
  "No space left on device": "ENOSPC",
  "Disk quota exceeded": "EDQUOT",
  "File too large": "EFBIG",
};

/** Exit codes of GNU tar, its manual "Return Values": 1 means that files changed while they were read, 2 that something is missing. */
export function tarOutcome({ exitCode, stderr, directory, tolerant }: TarOutcome, reporter: Reporter): void {
  if (exitCode === 0) return;
  const lines = stderr.split("\n").filter((line) => line !== "" && !/socket ignored|Exiting with failure/.test(line));
  const shown = lines.slice(0, 5).map((line) => printable(line.replace(/^g?tar: /, "")));
  const more = lines.length > shown.length ? ` (and ${lines.length - shown.length} more)` : "";
  if (exitCode === 1 && tolerant) {
    reporter.emit({
      type: "warned",
      code: "DIRECTORY_CHANGED",
      message: `files changed while they were read: ${shown.join(", ")}${more}`,
    });
    return;
  }
  const changed = exitCode === 1;
  throw new BaseKitError(
    changed ? "DIRECTORY_CHANGED" : "DIRECTORY_UNREADABLE",
    `cannot read all of ${printable(directory)}: ${shown.join(", ")}${more}`,
    {
      kind: "environment",
      hint: changed
        ? "Something writes to it; stop that and run again. Nothing was written."
        : "Run as a user who may read all of it. Nothing was written.",
    },
  );
}
