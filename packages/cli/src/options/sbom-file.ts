import { extname } from "node:path";
import { BaseKitError, formatPlatform, type Platform, printable } from "@base-kit/core";
import { STANDARD_OUTPUT } from "../standard-output.ts";

export interface SbomFile {
  /** `-` is standard output. */
  readonly path: string;
  readonly format: "spdx" | "cyclonedx";
}

/** Whoever opens these gets what base-kit has for standard output already. */
const STANDARD_OUTPUTS = [STANDARD_OUTPUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/**
 * A file for a list of packages; its name says in which of the two formats, or what stands before it, as for syft.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function parseSbomFile(value: string): SbomFile {
  const [, format, file = value] = /^(spdx|cyclonedx)-json=(.+)$/s.exec(value) ?? [];
  const path = STANDARD_OUTPUTS.includes(file) ? STANDARD_OUTPUT : file;
  if (format === "spdx" || format === "cyclonedx") return { path, format };
  if (path === STANDARD_OUTPUT || /[^/]\.spdx\.json$|^\.spdx\.json$/i.test(path)) return { path, format: "spdx" };
  if (/[^/]\.cdx\.json$|^\.cdx\.json$/i.test(path)) return { path, format: "cyclonedx" };
  throw new BaseKitError("OPTION_INVALID", `--sbom ${printable(value)} is refused: the name has to say the format`, {
    kind: "usage",
    hint: "Call it NAME.spdx.json for SPDX 2.3, or NAME.cdx.json for CycloneDX 1.6; or write spdx-json=FILE, cyclonedx-json=FILE.",
  });
}

/** `x.spdx.json` becomes `x.arm64.spdx.json`, where each platform needs a file of its own. */
export function sbomPathFor(path: string, platform: Platform): string {
  const name = formatPlatform(platform).slice("linux/".length).replace("/", "-");
  const [extension] = /\.(?:spdx|cdx)\.json$/i.exec(path) ?? [extname(path)];
  return `${path.slice(0, path.length - extension.length)}.${name}${extension}`;
}
