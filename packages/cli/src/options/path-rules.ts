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
  const why = unreachable(pattern);
  if (why === undefined) return;
  throw new BaseKitError("OPTION_INVALID", `${flag} ${printable(pattern)} is refused: ${why}`, {
    kind: "usage",
    hint: hintFor(pattern.split("/").filter((name) => name !== "" && name !== ".")),
  });
}

function hintFor(names: readonly string[]): string {
  if (names.length === 0) return "Write /* for everything.";
  if (names.includes("..")) return "Write the path as it is in the image.";
  const better = `/${names.join("/")}`;
  return `Write ${printable(better)} for the path itself, and ${printable(`${better}/*`)} for what is below it.`;
}

function unreachable(pattern: string): string | undefined {
  if (!/^[/*?[\\]/.test(pattern)) return "every path begins with a slash";
  if (/.\/$/s.test(pattern)) return "no path ends with a slash";
  // Slashes and dots between brackets are a choice.
  const plain = pattern.replace(/\[[!^]?\]?[^\]]*\]/g, "x");
  return /\/(?:\/|\.{1,2}(?:\/|$))/.test(plain) ? "no path has //, /. or /.. in it" : undefined;
}
