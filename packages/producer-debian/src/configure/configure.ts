import type { Context, Rootfs } from "@base-kit/core";
import { addEntries, mergedEntries, removePaths } from "@base-kit/rootfs";
import { runOnce } from "@base-kit/sandbox";
import type { ConfigureMode } from "../options.ts";

export interface ConfigureJob {
  readonly mode: ConfigureMode;
  readonly script: string;
  /** Names of the packages with scripts that would not run. */
  readonly scripted: readonly string[];
  /** Seconds since 1970. */
  readonly epoch: number;
}

/**
 * Runs the packages' own scripts and adds what they did as a segment. The same packages are configured once: what it did is kept.
 *
 * @throws BaseKitError `SANDBOX_…`
 */
export async function configure(rootfs: Rootfs, job: ConfigureJob, context: Context): Promise<Rootfs> {
  const { mode, script, epoch } = job;
  if (mode === "none") {
    tellSkipped(job.scripted, context);
    return rootfs;
  }
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    DEBIAN_FRONTEND: "noninteractive",
    DEBCONF_NONINTERACTIVE_SEEN: "true",
    LC_ALL: "C",
    SOURCE_DATE_EPOCH: String(epoch),
    TZ: "UTC",
  };
  const entries = mergedEntries(rootfs);
  const run = { purpose: "debian-configured", title: "configuring the packages", mode, script, env, epoch, entries };
  const changes = await runOnce(rootfs, run, context);
  const removed = changes.removed.map((path) => Buffer.from(path, "latin1").toString("utf8"));
  const without = removed.length === 0 ? rootfs : removePaths(removed)(rootfs);
  return addEntries(changes.entries, "configure")(without);
}

function tellSkipped(scripted: readonly string[], { reporter }: Context): void {
  if (scripted.length === 0) return;
  reporter.emit({
    type: "warned",
    code: "NOT_CONFIGURED",
    message: `the packages are unpacked and not configured; the scripts of ${scripted.length} of them did not run: ${scripted.join(", ")}. \`dpkg --configure --pending\` in a container runs them`,
  });
}
