import { lstatSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { printable, systemErrorCode } from "@base-kit/core";
import { obstacleIn, whyUnreadable } from "@base-kit/store";
import { cannotMake, readIndex } from "./layout-index.ts";

/** Of an OCI image layout, each in the one before. */
export const LAYOUT_FOLDERS = ["", "blobs", "blobs/sha256"] as const;

/**
 * That an image can be added to a layout, or a new one be made there: before anything is made for it.
 *
 * @param comes whether a folder will have come into being by then
 * @throws BaseKitError `LAYOUT_FOLDER` (environment); `LAYOUT_INVALID` (unsupported) for an index that is none
 */
export async function requireLayoutPlace(
  directory: string,
  comes: (folder: string) => boolean = () => false,
): Promise<void> {
  const paths = LAYOUT_FOLDERS.map((folder) => join(directory, folder));
  const missing = paths.findIndex((path) => !isFolder(path, directory));
  for (const folder of toBeWritten(paths, missing)) {
    const obstacle = comes(folder) ? undefined : obstacleIn(folder);
    if (obstacle !== undefined) throw cannotMake(directory, obstacle.why, obstacle.cause);
  }
  await readIndex(directory);
}

/** The index is always written anew, and what is missing is made in the folder before it. The blobs may all be there. */
function toBeWritten(paths: readonly string[], missing: number): readonly string[] {
  const [layout = ""] = paths;
  if (missing === 0) return [dirname(layout)];
  return [layout, ...paths.slice(1, Math.max(missing, 0))];
}

/** False where nothing is; anything else than a folder is in the way. */
function isFolder(path: string, directory: string): boolean {
  try {
    if (statSync(path).isDirectory()) return true;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" && lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
    throw cannotMake(directory, whyUnreadable(path, error), error);
  }
  throw cannotMake(directory, `${printable(path)} is not a folder`);
}
