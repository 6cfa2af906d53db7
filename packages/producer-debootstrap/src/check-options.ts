import { checkOptions as check, invalidOptions } from "@base-kit/core";
import type { DebootstrapOptions } from "./options.ts";

/** @throws BaseKitError `OPTION_INVALID` (usage), telling all that is wrong */
export async function checkOptions(given: unknown): Promise<DebootstrapOptions> {
  const options = check((await import("./schema.ts")).debootstrapSchema, given);
  const { include, exclude, tweaks } = options;
  const both = include.filter((name) => exclude.includes(name));
  if (both.length > 0) throw invalidOptions(`--include and --exclude both name ${both.join(", ")}`);
  if (tweaks.includes("none") && tweaks.length > 1)
    throw invalidOptions("--tweaks none cannot be combined with tweaks");
  return options;
}
