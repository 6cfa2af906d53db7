import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { BaseKitError, printable, systemErrorReason } from "@base-kit/core";
import { makeFolder } from "./make-folder.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the platform keeps caches: the XDG base directory specification, or Apple's file system guide. */
export function defaultCacheDir(env: Environment, platform: NodeJS.Platform = process.platform): string | undefined {
  const xdg = env["XDG_CACHE_HOME"];
  // The specification: a relative path is to be ignored.
  if (xdg?.startsWith("/")) return join(xdg, "base-kit");
  const home = env["HOME"];
  if (!home?.startsWith("/")) return undefined;
  return platform === "darwin" ? join(home, "Library", "Caches", "base-kit") : join(home, ".cache", "base-kit");
}

/**
 * The cache folder that was asked for, else the platform's.
 *
 * @throws BaseKitError `CACHE_DIR_UNKNOWN` (environment) when nothing says where it could be
 */
export function cacheDir(asked: string | undefined, env: Environment): string {
  const path = asked === undefined ? defaultCacheDir(env) : resolve(asked);
  if (path !== undefined) return path;
  throw new BaseKitError("CACHE_DIR_UNKNOWN", "there is no HOME for a cache folder", {
    kind: "environment",
    hint: "Name one with --cache-dir or XDG_CACHE_HOME.",
  });
}

/**
 * Makes the directory if needed.
 *
 * @throws BaseKitError `CACHE_DIR_UNUSABLE` (environment) when it cannot be written to
 */
export function prepareCacheDir(path: string): void {
  try {
    makeFolder(path);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new BaseKitError(
      "CACHE_DIR_UNUSABLE",
      `the cache folder ${printable(path)} cannot be used: ${systemErrorReason(error)}`,
      { kind: "environment", hint: "Choose another one with --cache-dir or XDG_CACHE_HOME.", cause: error },
    );
  }
}
