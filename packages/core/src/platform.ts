import { printable } from "./bytes.ts";
import { BaseKitError } from "./errors.ts";

/** What an image runs on, in the words of the OCI image index: Go's GOOS and GOARCH names. */
export interface Platform {
  readonly os: "linux";
  readonly architecture: Architecture;
  /** `v6` or `v7` for arm, `v8` for arm64. */
  readonly variant?: string;
}

const ARCHITECTURES = ["amd64", "386", "arm64", "arm", "ppc64le", "s390x", "riscv64", "loong64", "mips64le"] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

/** Names people use for the same machine: uname -m, Debian, Alpine. */
const ALIASES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  i386: "386",
  i686: "386",
  x86: "386",
  aarch64: "arm64",
  armhf: "arm/v7",
  armv7: "arm/v7",
  armel: "arm/v5",
  armv6: "arm/v6",
  ppc64el: "ppc64le",
  loongarch64: "loong64",
  mips64el: "mips64le",
};

/**
 * `amd64`, `linux/arm64`, `linux/arm/v7`, or a common alias such as `x86_64` or `aarch64`.
 *
 * @throws BaseKitError `PLATFORM_UNKNOWN` (usage)
 */
export function parsePlatform(text: string): Platform {
  const given = text.startsWith("linux/") ? text.slice("linux/".length) : text;
  const [name = "", variant, ...rest] = (ALIASES[given] ?? given).split("/");
  const architecture = ARCHITECTURES.find((known) => known === (ALIASES[name] ?? name));
  if (!architecture || rest.length > 0 || (variant !== undefined && !/^v[1-9]$/.test(variant))) {
    throw new BaseKitError("PLATFORM_UNKNOWN", `unknown architecture ${printable(text)}`, {
      kind: "usage",
      hint: `Known architectures: ${ARCHITECTURES.join(", ")}; written as arm64 or linux/arm/v7.`,
    });
  }
  const known = variant ?? (architecture === "arm" ? "v7" : architecture === "arm64" ? "v8" : undefined);
  return { os: "linux", architecture, ...(known === undefined ? {} : { variant: known }) };
}

/** `linux/amd64`, `linux/arm/v7`. The variant of arm64 is left out, as Docker does: there is only one. */
export function formatPlatform(platform: Platform): string {
  const variant = platform.architecture === "arm64" || platform.variant === undefined ? "" : `/${platform.variant}`;
  return `${platform.os}/${platform.architecture}${variant}`;
}

/** The machine this process runs on; containers of it are what people mean when they name no architecture. */
export function hostPlatform(arch: string = process.arch): Platform {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return parsePlatform(names[arch] ?? arch);
}
