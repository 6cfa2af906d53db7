import { readFile } from "node:fs/promises";
import { BaseKitError, formatPlatform, hostPlatform, type Platform } from "@base-kit/core";
import { debianMachine } from "@base-kit/debian-archive";

/** What these processors execute beside their own programs. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ["i386"], arm64: ["armhf", "armel"] };

export interface EmulationOptions {
  readonly host?: Platform;
  readonly binfmt?: string;
}

/**
 * debootstrap runs the new system's own programs, so this machine must be able to execute them, if need be by an emulator
 * that the kernel starts by itself.
 *
 * @throws BaseKitError `ARCHITECTURE_FOREIGN` (unsupported)
 */
export async function requireExecutable(platform: Platform, options: EmulationOptions = {}): Promise<void> {
  const { host = hostPlatform(), binfmt = "/proc/sys/fs/binfmt_misc" } = options;
  const { debian, qemu } = debianMachine(platform);
  const native = debianMachine(host).debian;
  if (debian === native || ALSO_RUNS[native]?.includes(debian)) return;
  const handler = await readFile(`${binfmt}/qemu-${qemu}`, "utf8").catch(() => "");
  // F: the kernel keeps the emulator open, so that it is found inside the new root as well.
  if (/^enabled$/m.test(handler) && /^flags:.*F/m.test(handler)) return;
  throw new BaseKitError(
    "ARCHITECTURE_FOREIGN",
    `debootstrap has to run programs for ${formatPlatform(platform)}, which this ${formatPlatform(host)} machine cannot`,
    {
      kind: "unsupported",
      hint: "Install an emulator (apt-get install qemu-user-static binfmt-support), or build on such a machine. Nothing was changed.",
    },
  );
}
