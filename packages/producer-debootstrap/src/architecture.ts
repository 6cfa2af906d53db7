import { readFile } from "node:fs/promises";
import { BaseKitError, formatPlatform, hostPlatform, type Platform } from "@base-kit/core";

interface DebianArchitecture {
  readonly debian: string;
  /** How QEMU's user emulation calls the machine. */
  readonly qemu: string;
}

const ARCHITECTURES: Readonly<Record<string, DebianArchitecture>> = {
  "linux/amd64": { debian: "amd64", qemu: "x86_64" },
  "linux/386": { debian: "i386", qemu: "i386" },
  "linux/arm64": { debian: "arm64", qemu: "aarch64" },
  "linux/arm/v7": { debian: "armhf", qemu: "arm" },
  "linux/arm/v5": { debian: "armel", qemu: "arm" },
  "linux/ppc64le": { debian: "ppc64el", qemu: "ppc64le" },
  "linux/s390x": { debian: "s390x", qemu: "s390x" },
  "linux/riscv64": { debian: "riscv64", qemu: "riscv64" },
  "linux/loong64": { debian: "loong64", qemu: "loongarch64" },
  "linux/mips64le": { debian: "mips64el", qemu: "mips64el" },
};

/** What these processors execute beside their own programs. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ["i386"], arm64: ["armhf", "armel"] };

/** @throws BaseKitError `ARCHITECTURE_UNSUPPORTED` (unsupported) */
export function debianArchitecture(platform: Platform): string {
  return describe(platform).debian;
}

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
  const { debian, qemu } = describe(platform);
  const native = describe(host).debian;
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

function describe(platform: Platform): DebianArchitecture {
  const known = ARCHITECTURES[formatPlatform(platform)];
  if (known) return known;
  throw new BaseKitError("ARCHITECTURE_UNSUPPORTED", `Debian has no port for ${formatPlatform(platform)}`, {
    kind: "unsupported",
    hint: `Ports: ${Object.keys(ARCHITECTURES)
      .map((name) => name.replace("linux/", ""))
      .join(", ")}.`,
  });
}
