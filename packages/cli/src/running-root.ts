import { lstat, realpath } from "node:fs/promises";
import type { Context } from "@base-kit/core";

/** Whether a path is the root of the machine this runs on. */
export async function isRunningRoot(path: string): Promise<boolean> {
  if ((await realpath(path)) !== "/") return false;
  return lstat("/proc/self").then(
    () => true,
    () => false,
  );
}

/**
 * What a running machine has that an image of it should not: what lives in memory or is made anew at each start, and the
 * storage of the engines, which holds images and containers with all their files. Mounts are left out anyway.
 */
export async function runningRootOptions(context: Context): Promise<{
  readonly live: true;
  readonly empty: readonly string[];
  readonly exclude: readonly string[];
}> {
  const storage = ["var/lib/docker", "var/lib/containerd", "var/lib/containers", "run/docker", "run/containerd"];
  return {
    live: true,
    empty: ["dev", "proc", "sys", "run", "tmp", "var/tmp"],
    exclude: [...storage, ...(await engineStorage(context))],
  };
}

/** Where the engines of this machine keep their data, when it is not the usual place. */
async function engineStorage(context: Context): Promise<readonly string[]> {
  const { probePlaces } = await import("@base-kit/importer");
  const places = await probePlaces(context);
  return places.flatMap(({ engine }) => engine?.dataRoot ?? []);
}
