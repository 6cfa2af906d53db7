import { BaseKitError, printable, redactUrl } from "@base-kit/core";
import type { DebootstrapOptions } from "./options.ts";

/**
 * The options, checked and with defaults; also those of a lock file, which is a text that anyone may have changed.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage), telling all that is wrong
 */
export async function checkOptions(given: unknown): Promise<DebootstrapOptions> {
  const { debootstrapSchema } = await import("./schema.ts");
  const result = debootstrapSchema.safeParse(given);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => describe(given, path, message));
    throw invalid(problems.join("; "));
  }
  const { include, exclude, tweaks } = result.data;
  const both = include.filter((name) => exclude.includes(name));
  if (both.length > 0) throw invalid(`--include and --exclude both name ${both.join(", ")}`);
  if (tweaks.includes("none") && tweaks.length > 1) throw invalid("--tweaks none cannot be combined with tweaks");
  return result.data;
}

function describe(given: unknown, path: readonly PropertyKey[], message: string): string {
  if (path.length === 0) return message;
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], given);
  const option = `--${String(path[0])}`;
  if (typeof value !== "string") return `${option}: ${message}`;
  return `${option} ${path[0] === "mirror" ? redactUrl(value) : printable(value)}: ${message}`;
}

function invalid(problems: string): BaseKitError {
  return new BaseKitError("OPTION_INVALID", problems, { kind: "usage", hint: "Nothing was run or changed." });
}
