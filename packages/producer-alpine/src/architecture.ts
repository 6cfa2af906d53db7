import { BaseKitError, formatPlatform, type Platform } from "@base-kit/core";

/** Alpine's names, by architecture and variant of the OCI image index. Source: wiki.alpinelinux.org/wiki/Architecture */
const NAMES: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  "386": "x86",
  arm64: "aarch64",
  "arm64/v8": "aarch64",
  "arm/v6": "armhf",
  "arm/v7": "armv7",
  loong64: "loongarch64",
  ppc64le: "ppc64le",
  riscv64: "riscv64",
  s390x: "s390x",
};

/** @throws BaseKitError `PLATFORM_UNSUPPORTED` (unsupported) */
export function alpineArchitecture(platform: Platform): string {
  const { architecture, variant } = platform;
  const name = NAMES[variant === undefined ? architecture : `${architecture}/${variant}`];
  if (name !== undefined) return name;
  throw new BaseKitError("PLATFORM_UNSUPPORTED", `there is no Alpine for ${formatPlatform(platform)}`, {
    kind: "unsupported",
    hint: `Alpine runs on ${Object.keys(NAMES).join(", ")}.`,
  });
}
