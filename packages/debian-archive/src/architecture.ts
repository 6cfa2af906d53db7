import { BaseKitError, formatPlatform, type Platform } from "@base-kit/core";

/** A machine in the words of Debian and of its emulator. */
export interface DebianMachine {
  /** `amd64`, `armhf`. */
  readonly debian: string;
  /** How QEMU's user emulation calls the machine. */
  readonly qemu: string;
}

const ARCHITECTURES: Readonly<Record<string, DebianMachine>> = {
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

/** @throws BaseKitError `ARCHITECTURE_UNSUPPORTED` (unsupported) */
export function debianMachine(platform: Platform): DebianMachine {
  const known = ARCHITECTURES[formatPlatform(platform)];
  if (known) return known;
  throw new BaseKitError("ARCHITECTURE_UNSUPPORTED", `Debian has no port for ${formatPlatform(platform)}`, {
    kind: "unsupported",
    hint: `Ports: ${Object.keys(ARCHITECTURES)
      .map((name) => name.replace("linux/", ""))
      .join(", ")}.`,
  });
}
