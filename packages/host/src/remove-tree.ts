import { randomBytes } from "node:crypto";
import {
  chmodSync,
  type Dirent,
  lstatSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { BaseKitError, bytesFromBuffer, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { mountPoints } from "./mount-points.ts";

/**
 * Removes a tree of any depth, with read-only directories and names that are not UTF-8, without ever entering another mount.
 * Node's own removal overflows the stack or meets ENAMETOOLONG in deep trees, and would walk into a mounted /proc.
 *
 * Synchronous, so that it also works while the process ends. A path that does not exist is fine.
 *
 * @throws BaseKitError `REMOVE_MOUNTED` or `REMOVE_FAILED` (environment)
 */
export function removeTree(path: string): void {
  let top: string;
  try {
    if (!lstatSync(path).isDirectory()) {
      unlinkSync(path);
      return;
    }
    if (removeEmpty(path)) return;
    top = realpathSync(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw failed(path, error);
  }
  assertNothingMountedBelow(top);
  try {
    empty(top);
    rmdirSync(top);
  } catch (error) {
    throw failed(path, error);
  }
}

/** Most temporary directories are empty in the end. Nothing can be mounted in such a one. */
function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Every directory that is found is moved up beside the others before it is emptied, so no path gets long and nothing is
 * recursive. rename(2) does not cross mounts: a mount that appeared meanwhile ends the removal instead of being emptied.
 */
function empty(top: string): void {
  const prefix = `${top}/.removing-${randomBytes(6).toString("hex")}-`;
  let moved = 0;
  const waiting: string[] = [top];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    makeWritable(directory);
    const base = Buffer.from(`${directory}/`);
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: "buffer" })) {
      const path = Buffer.concat([base, entry.name]);
      if (!isDirectory(entry, path)) {
        unlinkSync(path);
        continue;
      }
      // Moving a directory changes its `..`, which takes write permission on it.
      makeWritable(path);
      const target = `${prefix}${moved++}`;
      renameSync(path, target);
      waiting.push(target);
    }
    // What stands at the top holds the directories that wait; it is removed by the caller, when they are gone.
    if (directory !== top) rmdirSync(directory);
  }
}

function isDirectory(entry: Dirent<Buffer>, path: Buffer): boolean {
  // Some filesystems do not tell the type in the directory.
  return entry.isDirectory() || (isUnknown(entry) && lstatSync(path).isDirectory());
}

function isUnknown(entry: Dirent<Buffer>): boolean {
  return !(
    entry.isFile() ||
    entry.isSymbolicLink() ||
    entry.isSocket() ||
    entry.isFIFO() ||
    entry.isBlockDevice() ||
    entry.isCharacterDevice()
  );
}

function makeWritable(directory: string | Buffer): void {
  if ((lstatSync(directory).mode & 0o700) !== 0o700) chmodSync(directory, 0o700);
}

function assertNothingMountedBelow(top: string): void {
  const below = mountPoints().find((mount) => mount === top || mount.startsWith(`${top}/`));
  if (below === undefined) return;
  throw new BaseKitError("REMOVE_MOUNTED", `${printable(top)} is not removed: ${printable(below)} is mounted in it`, {
    kind: "environment",
    hint: "Unmount it, then remove the folder.",
  });
}

function failed(path: string, error: unknown): BaseKitError {
  const where = error instanceof Error && "path" in error ? nameOf(error.path) : undefined;
  const why = systemErrorReason(error);
  return new BaseKitError(
    "REMOVE_FAILED",
    `cannot remove ${printable(path)}${where === undefined || where === path ? "" : ` (at ${printable(where)})`}: ${why}`,
    { kind: "environment", cause: error },
  );
}

function nameOf(path: unknown): string {
  return path instanceof Uint8Array ? bytesFromBuffer(path) : String(path);
}
