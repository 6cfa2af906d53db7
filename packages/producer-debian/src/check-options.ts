import { BaseKitError, printable, redactUrl } from "@base-kit/core";
import type { DebianOptions } from "./options.ts";

/**
 * The options, checked and with defaults; also those of a lock file, which is a text that anyone may have changed.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage), telling all that is wrong
 */
export async function checkOptions(given: unknown): Promise<DebianOptions> {
  const { debianSchema } = await import("./schema.ts");
  const result = debianSchema.safeParse(given);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => describe(given, path, message));
    throw invalid(problems.join("; "));
  }
  const { include, exclude, tweaks, compat, repository, mirror, snapshot } = result.data;
  const both = include.filter((name) => exclude.includes(name));
  if (both.length > 0) throw invalid(`--include and --exclude both name ${both.join(", ")}`);
  if (tweaks.includes("none") && tweaks.length > 1) throw invalid("--tweaks none cannot be combined with tweaks");
  if (compat !== undefined && repository.length > 0)
    throw invalid("--compat debootstrap knows one archive, so it cannot be combined with --repository");
  if (snapshot !== undefined && mirror !== undefined)
    throw invalid("--snapshot chooses the archive of that time, so it cannot be combined with --mirror");
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
