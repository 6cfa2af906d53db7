import { type Platform, printable } from "@base-kit/core";
import {
  comesWith,
  excluded,
  filesOf,
  type NamedFile,
  requireDistinctPlaces,
  requireFilePlace,
} from "./file-places.ts";
import type { Output } from "./options/outputs.ts";
import { type SbomFile, sbomPathFor } from "./options/sbom-file.ts";
import { requireNoJson, requireOpen, STANDARD_OUTPUT } from "./standard-output.ts";
import { isStream } from "./stream-file.ts";

export interface Beside {
  /** What else goes to standard output: `-o tar:-`. */
  readonly piped?: string | undefined;
  readonly json?: boolean | undefined;
  /** Of several, each has a list of its own. */
  readonly platforms: readonly Platform[];
  /** Where the image itself goes. */
  readonly outputs: readonly Output[];
}

/**
 * That lists of packages can be written where they are wanted, and that neither they nor outputs are one file: before anything is made, as they come last.
 *
 * @throws BaseKitError `OPTION_INVALID`, `STDOUT_TWICE` (usage), `STDOUT_CLOSED` or `WRITE_FAILED` (environment) for what can be neither
 *   replaced nor written to
 */
export async function requireSbomPlaces(sboms: readonly SbomFile[], beside: Beside): Promise<void> {
  const files = [...filesOf(beside.outputs)];
  const paths = sboms.map(({ path }) => path);
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  if (twice !== undefined) throw excluded(`--sbom ${printable(twice)} and --sbom ${printable(twice)}`);
  for (const path of paths) {
    if (path === STANDARD_OUTPUT) {
      if (beside.piped !== undefined) throw excluded(`--sbom - and ${beside.piped}`);
      requireNoJson("an SBOM", beside);
      requireOpen();
    }
    const isOne = path === STANDARD_OUTPUT || (await isStream(path));
    if (isOne && beside.platforms.length > 1) throw excluded(`--sbom ${printable(path)} and several architectures`);
    if (isOne) continue;
    for (const file of written(path, beside.platforms)) {
      if (await isStream(file.path)) continue;
      requireFilePlace(file.path, comesWith(beside.outputs));
      files.push(file);
    }
  }
  await requireDistinctPlaces(files);
}

/** The files of one `--sbom`. A folder's name is refused as it is. */
function written(path: string, platforms: readonly Platform[]): readonly NamedFile[] {
  const named = `--sbom ${printable(path)}`;
  if (platforms.length < 2 || path.endsWith("/")) return [{ named, path }];
  return platforms.map((platform) => {
    const own = sbomPathFor(path, platform);
    return { named: `${named}, which is written to ${printable(own)},`, path: own };
  });
}
