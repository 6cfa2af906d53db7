import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemErrorCode } from "@base-kit/core";

/**
 * Makes a folder and those above it. Not by Node's `recursive`, which never returns where the kernel lets nobody make a folder
 * and says ENOENT for it: in /proc, and where an automounter has nothing to mount.
 *
 * @throws the system's error
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return;
    const parent = dirname(path);
    if (systemErrorCode(error) !== "ENOENT" || isFolder(parent)) throw error;
    makeFolder(parent);
    // Another process may make it at the same time.
    makeFolder(path);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
