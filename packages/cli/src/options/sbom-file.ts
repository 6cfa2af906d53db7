import { BaseKitError, printable } from "@base-kit/core";

export interface SbomFile {
  readonly path: string;
  readonly format: "spdx" | "cyclonedx";
}

/**
 * A file for a list of packages; its name says in which of the two formats.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function parseSbomFile(path: string): SbomFile {
  if (/[^/]\.spdx\.json$|^\.spdx\.json$/i.test(path)) return { path, format: "spdx" };
  if (/[^/]\.cdx\.json$|^\.cdx\.json$/i.test(path)) return { path, format: "cyclonedx" };
  throw new BaseKitError("OPTION_INVALID", `--sbom ${printable(path)} is refused: the name has to say the format`, {
    kind: "usage",
    hint: "Call it NAME.spdx.json for SPDX 2.3, or NAME.cdx.json for CycloneDX 1.6.",
  });
}
