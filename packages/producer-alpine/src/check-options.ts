import { checkOptions as check } from "@base-kit/core";
import type { AlpineOptions } from "./options.ts";

/** @throws BaseKitError `OPTION_INVALID` (usage) */
export async function checkOptions(given: unknown): Promise<AlpineOptions> {
  return check((await import("./schema.ts")).alpineSchema, given);
}

/** @throws BaseKitError `OPTION_INVALID` (usage) */
export async function checkWolfiOptions(given: unknown): Promise<AlpineOptions> {
  return check((await import("./schema.ts")).wolfiSchema, given);
}
