import { BaseKitError, type Context, formatPlatform, type Rootfs } from "@base-kit/core";
import { type EmulationOptions, isExecutable } from "@base-kit/debian-archive";
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
  /** Told before scripts are run. */
  readonly onStart?: (() => void) | undefined;
  /** Of all scripts together. @default that of the sandbox */
  readonly timeoutMs?: number | undefined;
  /** Where it is kept what scripts that fail leave. */
  readonly keepFailed?: string | undefined;
  /** What machine this is. @default asks the system */
  readonly emulation?: EmulationOptions;
}

/**
 * Runs the packages' own scripts and adds what they did as a segment. The same packages are configured once: what it did is kept.
 *
 * Of a machine whose programs cannot run here the scripts are left out with `auto`, also where a result was kept: what comes out must
 * not depend on the cache.
 *
 * @throws BaseKitError `SANDBOX_…`, `ARCHITECTURE_FOREIGN` (unsupported)
 */
export async function configure(rootfs: Rootfs, job: ConfigureJob, context: Context): Promise<Rootfs> {
  const { mode, script, epoch, timeoutMs, keepFailed } = job;
  const reason = mode === "none" ? "" : await obstacle(rootfs, job);
  if (mode === "none" || reason !== "") {
    tellSkipped({ scripted: job.scripted, reason }, context);
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
  const onStart = () => job.onStart?.();
  const changes = await runOnce(rootfs, { ...run, onStart, timeoutMs, keepFailed }, context);
  const removed = changes.removed.map((path) => Buffer.from(path, "latin1").toString("utf8"));
  const without = removed.length === 0 ? rootfs : removePaths(removed)(rootfs);
  return addEntries(changes.entries, "configure")(without);
}

/** Why nothing is run although nobody forbade it; empty when there is no reason. */
async function obstacle({ platform }: Rootfs, { mode, emulation }: ConfigureJob): Promise<string> {
  if (await isExecutable(platform, emulation)) return "";
  const reason = `this machine cannot run programs for ${formatPlatform(platform)}`;
  if (mode === "auto") return reason;
  throw new BaseKitError(
    "ARCHITECTURE_FOREIGN",
    `the packages cannot be configured by --configure ${mode}: ${reason}`,
    {
      kind: "unsupported",
      hint: "Install an emulator (apt-get install qemu-user-static binfmt-support), build on such a machine, or leave the packages' scripts out with --configure none. Nothing was written.",
    },
  );
}

interface Skipped {
  readonly scripted: readonly string[];
  readonly reason: string;
}

function tellSkipped({ scripted, reason }: Skipped, { reporter }: Context): void {
  if (scripted.length === 0) return;
  reporter.emit({
    type: "warned",
    code: "NOT_CONFIGURED",
    message: `${reason === "" ? "" : `${reason}: `}the packages are unpacked and not configured; the scripts of ${scripted.length} of them did not run: ${scripted.join(", ")}. \`dpkg --configure --pending\` does not make up for it: what preinst scripts make, such as /etc/passwd, is missing`,
  });
}
