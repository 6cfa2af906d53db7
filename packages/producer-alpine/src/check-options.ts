import { BaseKitError, printable, redactUrl } from "@base-kit/core";
import type { AlpineOptions } from "./options.ts";

/**
 * The options, checked; also those of a lock file, which is a text that anyone may have changed.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export async function checkOptions(given: unknown): Promise<AlpineOptions> {
  const { alpineSchema } = await import("./schema.ts");
  const result = alpineSchema.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") return `there is no option ${issue.keys.map(printable).join(", ")}`;
    const [option] = issue.path;
    const value = (given as Readonly<Record<PropertyKey, unknown>>)[option ?? ""];
    return `${String(option)} ${typeof value === "string" ? redactUrl(value) : typeof value}: ${issue.message}`;
  });
  throw new BaseKitError("OPTION_INVALID", `alpine: ${problems.join("; ")}`, {
    kind: "usage",
    hint: "Nothing was fetched or changed.",
  });
}
