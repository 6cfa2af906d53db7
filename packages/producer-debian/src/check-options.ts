import { checkOptions as check, invalidOptions } from "@base-kit/core";
import { parseRepositoryLine } from "./archive/repository-line.ts";
import type { DebianOptions } from "./options.ts";

/** @throws BaseKitError `OPTION_INVALID` (usage), telling all that is wrong; `REPOSITORY_INVALID` (usage) */
export async function checkOptions(given: unknown): Promise<DebianOptions> {
  const options = check((await import("./schema.ts")).debianSchema, given);
  const { include, exclude, tweaks, compat, repository, mirror, snapshot } = options;
  const both = include.filter((name) => exclude.includes(name));
  if (both.length > 0) throw invalidOptions(`--include and --exclude both name ${both.join(", ")}`);
  if (tweaks.includes("none") && tweaks.length > 1)
    throw invalidOptions("--tweaks none cannot be combined with tweaks");
  if (compat !== undefined && repository.length > 0)
    throw invalidOptions("--compat debootstrap knows one archive, so it cannot be combined with --repository");
  if (snapshot !== undefined && mirror !== undefined)
    throw invalidOptions("--snapshot chooses the archive of that time, so it cannot be combined with --mirror");
  for (const line of repository) parseRepositoryLine(line);
  return options;
}
