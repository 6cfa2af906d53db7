import { printable } from "@base-kit/core";
import { outputPlace, requireFolderOf } from "@base-kit/store";
import { excluded, filesOf, makesFolders, requireDistinctPlaces } from "./file-places.ts";
import type { Output } from "./options/outputs.ts";
import type { SbomFile } from "./options/sbom-file.ts";
import { requireNoJson, STANDARD_OUTPUT } from "./standard-output.ts";
import { isStream } from "./stream-file.ts";

export interface Beside {
  /** What else goes to standard output: `-o tar:-`. */
  readonly piped?: string | undefined;
  readonly json?: boolean | undefined;
  /** Each has a list of its own. */
  readonly platforms: number;
  /** Where the image itself goes. */
  readonly outputs: readonly Output[];
}

/**
 * That lists of packages can be written where they are wanted, and that neither they nor outputs are one file: before anything is made, as they come last.
 *
 * @throws BaseKitError `OPTION_INVALID`, `STDOUT_TWICE` (usage), or `WRITE_FAILED` (environment) for what can be neither replaced
 *   nor written to
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
    }
    if (path !== STANDARD_OUTPUT && !(await isStream(path))) {
      const place = outputPlace(path);
      if (!makesFolders(beside.outputs)) requireFolderOf(place);
      // Of several architectures each has a name of its own.
      if (beside.platforms === 1) files.push({ named: `--sbom ${printable(path)}`, path });
    } else if (beside.platforms > 1) throw excluded(`--sbom ${printable(path)} and several architectures`);
  }
  await requireDistinctPlaces(files);
}
