import { readFile } from "node:fs/promises";
import { hostPlatform, type Platform } from "@base-kit/core";
import { debianMachine } from "./architecture.ts";

/** What these processors execute beside their own programs. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ["i386"], arm64: ["armhf", "armel"] };

export interface EmulationOptions {
  readonly host?: Platform;
  readonly binfmt?: string;
}

/**
 * Whether this machine can execute programs of a system for `platform`, if need be by an emulator that the kernel starts by itself.
 *
 * @throws BaseKitError `ARCHITECTURE_UNSUPPORTED` (unsupported)
 */
export async function isExecutable(platform: Platform, options: EmulationOptions = {}): Promise<boolean> {
  const { host = hostPlatform(), binfmt = "/proc/sys/fs/binfmt_misc" } = options;
  const { debian, qemu } = debianMachine(platform);
  const native = debianMachine(host).debian;
  if (debian === native || ALSO_RUNS[native]?.includes(debian)) return true;
  const handler = await readFile(`${binfmt}/qemu-${qemu}`, "utf8").catch(() => "");
  // F: the kernel keeps the emulator open, so that it is found inside the new root as well.
  return /^enabled$/m.test(handler) && /^flags:.*F/m.test(handler);
}
