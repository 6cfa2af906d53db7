import { BaseKitError, printable } from "@base-kit/core";
import { outputPlace, requireFolderOf } from "@base-kit/store";
import type { SbomFile } from "./options/sbom-file.ts";
import { requireNoJson, STANDARD_OUTPUT } from "./standard-output.ts";
import { isStream } from "./stream-file.ts";

export interface Beside {
  /** What else goes to standard output: `-o tar:-`. */
  readonly piped?: string | undefined;
  readonly json?: boolean | undefined;
  /** Each has a list of its own. */
  readonly platforms: number;
  /** Whether a folder that is missing may come into being with the image. */
  readonly makesFolders: boolean;
}

/**
 * That lists of packages can be written where they are wanted: before anything is made, as they come last.
 *
 * @throws BaseKitError `OPTION_INVALID`, `STDOUT_TWICE` (usage), or `WRITE_FAILED` (environment) for what can be neither replaced
 *   nor written to
 */
export async function requireSbomPlaces(sboms: readonly SbomFile[], beside: Beside): Promise<void> {
  const paths = sboms.map(({ path }) => path);
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  if (twice !== undefined) throw excluded(`--sbom ${printable(twice)} and --sbom ${printable(twice)}`);
  for (const path of paths) {
    if (path === STANDARD_OUTPUT) {
      if (beside.piped !== undefined) throw excluded(`--sbom - and ${beside.piped}`);
      requireNoJson("an SBOM", beside);
    }
    if (path !== STANDARD_OUTPUT && !(await isStream(path))) {
      const place = await outputPlace(path);
      if (!beside.makesFolders) await requireFolderOf(place);
    } else if (beside.platforms > 1) throw excluded(`--sbom ${printable(path)} and several architectures`);
  }
}

function excluded(what: string): BaseKitError {
  return new BaseKitError("OPTION_INVALID", `${what} exclude each other`, {
    kind: "usage",
    hint: "Name a file of its own for each.",
  });
}
