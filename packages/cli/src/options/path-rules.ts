import { BaseKitError, printable } from "@base-kit/core";
import type { PathRules } from "@base-kit/rootfs";

export interface PathFlags {
  readonly pathExclude?: readonly string[];
  readonly pathInclude?: readonly string[];
}

/**
 * `--path-exclude`, `--path-include`. A pattern that no path can match would leave in what somebody wants to have out.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function pathRules({ pathExclude = [], pathInclude = [] }: PathFlags): PathRules {
  for (const pattern of pathExclude) requireReachable("--path-exclude", pattern);
  for (const pattern of pathInclude) requireReachable("--path-include", pattern);
  return { exclude: pathExclude, include: pathInclude };
}

function requireReachable(flag: string, pattern: string): void {
  const isRooted = /^[/*?[\\]/.test(pattern);
  if (isRooted && !/.\/$/s.test(pattern)) return;
  const why = isRooted ? "no path ends with a slash" : "every path begins with a slash";
  const better = `/${pattern.replace(/^(?:\.?\/)+|\/+$/g, "")}`;
  throw new BaseKitError("OPTION_INVALID", `${flag} ${printable(pattern)} is refused: ${why}`, {
    kind: "usage",
    hint: `Write ${printable(better)} for the path itself, and ${printable(`${better}/*`)} for what is below it.`,
  });
}
