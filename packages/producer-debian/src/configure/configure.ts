import { createHash } from "node:crypto";
import { BaseKitError, type Context, type Rootfs, step } from "@base-kit/core";
import { addEntries, mergedEntries, removePaths } from "@base-kit/rootfs";
import { availableBackends, type Backend, runInSandbox } from "@base-kit/sandbox";
import { writeTar } from "@base-kit/tar";
import type { ConfigureMode } from "../options.ts";
import { type Changes, changesOf } from "./changes.ts";
import { packChanges, unpackChanges } from "./kept-changes.ts";

export interface ConfigureJob {
  readonly mode: ConfigureMode;
  readonly script: string;
  /** Names of the packages with scripts that would not run. */
  readonly scripted: readonly string[];
  /** Seconds since 1970. */
  readonly epoch: number;
}

/** Raised when the same packages come to be configured in another way. */
const FORMAT = 1;

/**
 * Runs the packages' own scripts and adds what they did as a segment. The same packages are configured once: what it did is kept.
 *
 * @throws BaseKitError `CONFIGURE_UNAVAILABLE` (environment), `SANDBOX_…` (failure)
 */
export async function configure(rootfs: Rootfs, job: ConfigureJob, context: Context): Promise<Rootfs> {
  if (job.mode === "none") {
    tellSkipped(job.scripted, context);
    return rootfs;
  }
  const key = configureKey(rootfs, job);
  return step(context, "configuring the packages", async (handle) => {
    const kept = await context.store.recall(key);
    if (kept !== undefined) handle.detail("cached");
    const changes = kept === undefined ? await run(rootfs, job, context) : unpackChanges(kept);
    if (kept === undefined) await context.store.remember(key, await packChanges(changes));
    const removed = changes.removed.map((path) => Buffer.from(path, "latin1").toString("utf8"));
    const without = removed.length === 0 ? rootfs : removePaths(removed)(rootfs);
    return addEntries(changes.entries, "configure")(without);
  });
}

function configureKey({ segments }: Rootfs, { script, epoch }: ConfigureJob): string {
  const hash = createHash("sha256");
  for (const each of [...segments.map(({ key }) => key), script, String(epoch)]) hash.update(`${each}\0`);
  return `debian-configured:${FORMAT}:${hash.digest("hex")}`;
}

async function run(rootfs: Rootfs, { mode, script, epoch }: ConfigureJob, context: Context): Promise<Changes> {
  const backend = await chooseBackend(mode, context);
  const before = mergedEntries(rootfs);
  return runInSandbox(
    {
      tree: writeTar(before),
      size: 2 * sizeOf(before) + ROOM,
      script,
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/root",
        DEBIAN_FRONTEND: "noninteractive",
        DEBCONF_NONINTERACTIVE_SEEN: "true",
        LC_ALL: "C",
        SOURCE_DATE_EPOCH: String(epoch),
        TZ: "UTC",
      },
    },
    { backend, context, use: (result) => changesOf(result, { before, epoch }) },
  );
}

const ROOM = 256 * 1024 ** 2;
const PAGE = 4096;

function sizeOf(entries: ReturnType<typeof mergedEntries>): number {
  return entries.reduce((sum, entry) => sum + PAGE + (entry.type === "file" ? entry.size : 0), 0);
}

async function chooseBackend(mode: ConfigureMode, context: Context): Promise<Backend> {
  const all = await availableBackends(context);
  const tried = mode === "auto" ? all : all.filter(({ backend }) => backend === mode);
  const usable = tried.find(({ obstacle }) => obstacle === undefined);
  if (usable !== undefined) return usable.backend;
  const reasons = tried.map(({ backend, obstacle }) => `${backend}: ${obstacle}`).join("; ");
  throw new BaseKitError("CONFIGURE_UNAVAILABLE", `the packages cannot be configured here: ${reasons}`, {
    kind: "environment",
    hint: "Run as root, or give the user a range in /etc/subuid and /etc/subgid; --configure none leaves the packages' scripts out. Nothing was written.",
  });
}

function tellSkipped(scripted: readonly string[], { reporter }: Context): void {
  if (scripted.length === 0) return;
  reporter.emit({
    type: "warned",
    code: "NOT_CONFIGURED",
    message: `the packages are unpacked and not configured; the scripts of ${scripted.length} of them did not run: ${scripted.join(", ")}. \`dpkg --configure --pending\` in a container runs them`,
  });
}
