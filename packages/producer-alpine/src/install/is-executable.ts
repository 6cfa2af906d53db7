import { readFile } from "node:fs/promises";
import { hostPlatform, type Platform } from "@base-kit/core";
import { alpineArchitecture } from "../architecture.ts";

export interface EmulationOptions {
  readonly host?: Platform;
  /** Where the kernel lists the emulators it starts. */
  readonly binfmt?: string;
}

/** What these processors execute beside their own programs. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { x86_64: ["x86"], aarch64: ["armhf", "armv7"] };
/** QEMU's names, where they are not Alpine's. */
const QEMU: Readonly<Record<string, string>> = { x86: "i386", armhf: "arm", armv7: "arm" };

/**
 * Whether this machine can execute programs of an architecture (Alpine's name), if need be by an emulator that the kernel starts by
 * itself.
 *
 * @throws BaseKitError `PLATFORM_UNSUPPORTED` (unsupported)
 */
export async function isExecutable(architecture: string, options: EmulationOptions = {}): Promise<boolean> {
  const { host = hostPlatform(), binfmt = "/proc/sys/fs/binfmt_misc" } = options;
  const native = alpineArchitecture(host);
  if (architecture === native || ALSO_RUNS[native]?.includes(architecture)) return true;
  const handler = await readFile(`${binfmt}/qemu-${QEMU[architecture] ?? architecture}`, "utf8").catch(() => "");
  // F: the kernel keeps the emulator open, so that it is found inside the new root as well.
  return /^enabled$/m.test(handler) && /^flags:.*F/m.test(handler);
}
