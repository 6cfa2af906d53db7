import type { ZodType } from "zod";
import { printable } from "./bytes.ts";
import { BaseKitError } from "./errors.ts";
import { redactUrl } from "./redact.ts";

/**
 * A producer's options, checked by its schema and with its defaults; also those of a lock file, which is a text that anyone may
 * have changed.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage), telling all that is wrong
 */
export function checkOptions<Options>(schema: ZodType<Options>, given: unknown): Options {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `there is no option ${issue.keys.map(printable).join(", ")}`
      : [described(given, issue.path), issue.message].join(": "),
  );
  throw invalidOptions(problems.join("; "));
}

/** What a schema cannot tell: options that exclude each other. */
export function invalidOptions(problem: string): BaseKitError {
  return new BaseKitError("OPTION_INVALID", problem, { kind: "usage", hint: "Nothing was run or changed." });
}

function described(given: unknown, path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the options";
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], given);
  const option = `--${String(path[0])}`;
  return typeof value === "string" ? `${option} ${redactUrl(value)}` : option;
}
