import { accessSync, constants, lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/** As many as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Where a file goes that is to have this name: behind symbolic links, as tar and cp write, so that the links stay. A rename
 * takes the place of whatever has the name: for root that may be /dev/null, or the link /dev/stdout, which everybody on the
 * machine needs.
 *
 * @throws BaseKitError `WRITE_FAILED` (environment) for what is neither a file nor nothing
 */
export function outputPlace(path: string): string {
  if (path === "") throw noRoom(path, { why: "a name is missing" }, "Name a file.");
  let place = path;
  for (let links = 0; ; links++) {
    const found = unlessFailing(() => lstatSync(place));
    if (found?.isSymbolicLink() !== true) return requireFile(place, found);
    if (links === MOST_LINKS) throw refused(path, "links that lead to each other");
    place = behind(place, found);
  }
}

/** The same for a file in a folder that others may have made: what has the name is replaced, also when it is a link. */
export function requireReplaceable(path: string): void {
  const link = unlessFailing(() => readlinkSync(path));
  if (link?.startsWith("/proc/")) throw refused(path, `a link to ${printable(link)}`);
  requireFile(
    path,
    unlessFailing(() => statSync(path)),
  );
}

/** @throws BaseKitError `WRITE_FAILED` (environment) where the folder of a file is missing */
export function requireFolderOf(path: string): void {
  const missing = missingFolder(dirname(path));
  if (missing !== undefined) throw noRoom(path, missing, "Make it first, or name another file.");
}

/** @throws BaseKitError `WRITE_FAILED` (environment) where the folder of a file is missing, or this user can make nothing in it */
export function requireRoomFor(path: string): void {
  requireFolderOf(path);
  const closed = closedFolder(dirname(path));
  if (closed !== undefined) throw noRoom(path, closed, "Name another file, or run as a user who may write there.");
}

export interface Obstacle {
  readonly why: string;
  /** The system's error, where there is one. */
  readonly cause?: unknown;
}

/** Why nothing can be made in a folder: it is missing, something else, or closed to this user. Undefined where nothing speaks against it. */
export function obstacleIn(folder: string): Obstacle | undefined {
  return missingFolder(folder) ?? closedFolder(folder);
}

function missingFolder(folder: string): Obstacle | undefined {
  try {
    return statSync(folder).isDirectory() ? undefined : { why: `${printable(folder)} is not a folder` };
  } catch (error) {
    const isMissing = ["ENOENT", "ENOTDIR"].includes(systemErrorCode(error) ?? "");
    return { why: isMissing ? `there is no folder ${printable(folder)}` : systemErrorReason(error), cause: error };
  }
}

function closedFolder(folder: string): Obstacle | undefined {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const why = `nothing can be made in the folder ${printable(folder)}: ${systemErrorReason(error)}`;
    return { why, cause: error };
  }
}

function noRoom(path: string, { why, cause }: Obstacle, advice: string): BaseKitError {
  return new BaseKitError("WRITE_FAILED", `cannot write ${printable(path)}: ${why}`, {
    kind: "environment",
    hint: `${advice} Nothing was written.`,
    cause,
  });
}

function behind(link: string, { uid }: Stats): string {
  const target = readlinkSync(link);
  const within = realpathSync(dirname(link));
  // Such as /dev/fd/1: what a program has open is written to, which is not to give way; and the target may be no name, but a remark.
  if (target.startsWith("/proc/") || within.startsWith("/proc/")) throw refused(link, `a link to ${printable(target)}`);
  const folder = statSync(dirname(link));
  const own = process.geteuid?.();
  // As fs.protected_symlinks has it (proc_sys_fs(5)), which a rename would get around: in /tmp anybody can have made it.
  if ((folder.mode & 0o1002) === 0o1002 && uid !== own && uid !== folder.uid)
    throw refused(link, `a link to ${printable(target)}, which somebody else has made in a folder for everybody,`);
  if (target.startsWith("/")) return target;
  // Not cleared of dots: with links in it, a/../b is not b.
  return `${within}/${target}`;
}

function requireFile(path: string, found: Stats | undefined): string {
  if (found !== undefined && !found.isFile()) throw refused(path, kindOf(found));
  if (!path.endsWith("/")) return path;
  throw new BaseKitError("WRITE_FAILED", `cannot write ${printable(path)}: only a folder's name ends with a slash`, {
    kind: "environment",
    hint: "Name a file. What was there before is untouched.",
  });
}

function unlessFailing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a named pipe";
  return found.isSocket() ? "a socket" : "a device";
}

function refused(path: string, what: string): BaseKitError {
  return new BaseKitError(
    "WRITE_FAILED",
    `cannot write ${printable(path)}: ${what} is there, expected a file or nothing`,
    {
      kind: "environment",
      hint: "Name a file. What was there before is untouched.",
    },
  );
}
