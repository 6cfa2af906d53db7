import { setMaxListeners } from "node:events";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BaseKitError, type Context, isBaseKitError, type Reporter, type Store } from "@base-kit/core";
import { askedCacheDir, defaultCacheDir, prepareCacheDir } from "./cache-dir.ts";
import { createExec } from "./exec.ts";
import { createFetch } from "./fetch.ts";
import { createTempDir, sweepTempDirs, type TempDir } from "./temp-dir.ts";

export interface CreateContextOptions {
  /** Makes the store in a folder: `createStore` of @base-kit/store. */
  readonly createStore: (dir: string) => Store;
  /** @default tells nobody */
  readonly reporter?: Reporter;
  /** @default never aborts; see `abortOnSignals` */
  readonly signal?: AbortSignal;
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default `$XDG_CACHE_HOME/base-kit`, or where the platform keeps caches */
  readonly cacheDir?: string;
}

/**
 * A {@link Context} of this machine; disposing it removes its temporary directory and closes its connections. Whatever still works with
 * it then, because something beside it has failed, is stopped with `CONTEXT_ENDED` (interrupted).
 */
export type HostContext = Context & AsyncDisposable;

/**
 * @throws BaseKitError `CACHE_DIR_UNUSABLE` (only for a `cacheDir` that was asked for: usage for a name that no folder can have, else
 *   environment) or `TEMP_DIR_UNUSABLE` (environment)
 */
export async function createContext(options: CreateContextOptions): Promise<HostContext> {
  const env = options.env ?? process.env;
  const reporter = options.reporter ?? { emit: () => {} };
  const ending = new AbortController();
  const signal = AbortSignal.any([...(options.signal === undefined ? [] : [options.signal]), ending.signal]);
  // Every program and download listens; Node takes more than ten for a leak.
  setMaxListeners(0, signal);
  const cacheDir = usableCacheDir(options.cacheDir, env, reporter);
  const temp = openTempDir(cacheDir, env);
  const fetch = createFetch({ env, signal });
  return {
    reporter,
    signal,
    env,
    fetch,
    store: options.createStore(cacheDir ?? join(temp.path, "cache")),
    exec: createExec({ env, signal }),
    clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => performance.now() },
    tempDir: temp.path,
    [Symbol.asyncDispose]: async () => {
      ending.abort(new BaseKitError("CONTEXT_ENDED", "stopped, as what it was for is over", { kind: "interrupted" }));
      await fetch[Symbol.asyncDispose]();
      removeOrWarn(temp, reporter);
    },
  };
}

/** A cache is an optimisation: without a place for it the work goes on. */
function usableCacheDir(
  asked: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  reporter: Reporter,
): string | undefined {
  const path = asked === undefined ? defaultCacheDir(env) : askedCacheDir(asked);
  const warn = (why: string) =>
    reporter.emit({ type: "warned", code: "NO_CACHE", message: `${why}; nothing is kept for the next build` });
  if (path === undefined) {
    warn("there is no HOME for a cache folder");
    return undefined;
  }
  try {
    prepareCacheDir(path);
    return path;
  } catch (error) {
    if (asked !== undefined || !isBaseKitError(error)) throw error;
    warn(error.message);
    return undefined;
  }
}

/** Beside the cache rather than in /tmp, which is often a small tmpfs, unless TMPDIR says otherwise. */
function openTempDir(cacheDir: string | undefined, env: Readonly<Record<string, string | undefined>>): TempDir {
  const parent = env["TMPDIR"] ? resolve(env["TMPDIR"]) : cacheDir === undefined ? tmpdir() : join(cacheDir, "tmp");
  sweepTempDirs(parent);
  return createTempDir(parent);
}

function removeOrWarn(temp: TempDir, reporter: Reporter): void {
  try {
    temp.remove();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reporter.emit({ type: "warned", code: "TEMP_DIR_LEFT", message });
  }
}
