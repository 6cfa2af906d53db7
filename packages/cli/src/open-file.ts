import { basename, resolve } from "node:path";
import { STANDARD_OUTPUT } from "./standard-output.ts";

/**
 * Whether the path is that of a device, or of what a program has open: `/dev/fd/63` is what the shell makes of `<(…)`. Its name says
 * nothing of what is in it.
 */
export function isOpenFile(path: string): boolean {
  return /^\/(?:proc|dev(?!\/shm\/))\//.test(resolve(path));
}

const KINDS: Readonly<Record<string, string>> = {
  "application/spdx+json": "sbom.spdx.json",
  "application/vnd.cyclonedx+json": "sbom.cdx.json",
};

/**
 * What a document is called that stands beside an image: as its file, if that has a name of its own, else as what it is.
 *
 * @param path `STANDARD_OUTPUT`, or a file's
 */
export function documentTitle(path: string, type: string): string | undefined {
  return path === STANDARD_OUTPUT || isOpenFile(path) ? KINDS[type] : basename(path);
}
