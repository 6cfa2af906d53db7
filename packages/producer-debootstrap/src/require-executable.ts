import { BaseKitError, formatPlatform, hostPlatform, type Platform } from "@base-kit/core";
import { type EmulationOptions, isExecutable } from "@base-kit/debian-archive";

/**
 * debootstrap runs the new system's own programs, so this machine must be able to execute them.
 *
 * @throws BaseKitError `ARCHITECTURE_FOREIGN` (unsupported)
 */
export async function requireExecutable(platform: Platform, options: EmulationOptions = {}): Promise<void> {
  if (await isExecutable(platform, options)) return;
  const { host = hostPlatform() } = options;
  throw new BaseKitError(
    "ARCHITECTURE_FOREIGN",
    `debootstrap has to run programs for ${formatPlatform(platform)}, which this ${formatPlatform(host)} machine cannot`,
    {
      kind: "unsupported",
      hint: "Install an emulator (apt-get install qemu-user-static binfmt-support), or build on such a machine. Nothing was changed.",
    },
  );
}
