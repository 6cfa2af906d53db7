import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { BaseKitError, type BaseKitErrorOptions, printable, systemErrorReason } from "@base-kit/core";
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
 * @throws BaseKitError `CACHE_DIR_UNUSABLE` (usage) for a name that no folder can have; `CACHE_DIR_UNKNOWN` (environment) when nothing
 *   says where it could be
 */
export function cacheDir(asked: string | undefined, env: Environment): string {
  const path = asked === undefined ? defaultCacheDir(env) : askedCacheDir(asked);
  if (path !== undefined) return path;
  throw new BaseKitError("CACHE_DIR_UNKNOWN", "there is no HOME for a cache folder", {
    kind: "environment",
    hint: "Name one with --cache-dir or XDG_CACHE_HOME.",
  });
}

/**
 * Where it is, whether it is there or not.
 *
 * @throws BaseKitError `CACHE_DIR_UNUSABLE` (usage) for a name that no folder can have
 */
export function askedCacheDir(asked: string): string {
  if (asked === "") throw unusable(asked, "a name is missing", { kind: "usage" });
  const path = resolve(asked);
  const why = inTheWay(path);
  if (why !== undefined) throw unusable(path, why, { kind: "usage" });
  return path;
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
    const why = inTheWay(path) ?? systemErrorReason(error);
    throw unusable(path, why, { kind: "environment", cause: error });
  }
}

/** What is no folder where one would have to be: the path, or what is above it. */
function inTheWay(path: string): string | undefined {
  for (let part = path; ; part = dirname(part)) {
    const name = part === path ? "it" : printable(part);
    try {
      return statSync(part).isDirectory() ? undefined : `${name} is not a folder`;
    } catch {
      if (isLink(part)) return `${name} is a link that leads nowhere`;
    }
    if (part === dirname(part)) return undefined;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function unusable(path: string, why: string, options: Pick<BaseKitErrorOptions, "kind" | "cause">): BaseKitError {
  return new BaseKitError("CACHE_DIR_UNUSABLE", `the cache folder ${printable(path)} cannot be used: ${why}`, {
    ...options,
    hint: "Choose another one with --cache-dir or XDG_CACHE_HOME.",
  });
}
