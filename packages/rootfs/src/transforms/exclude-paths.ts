import { type ByteString, bytesFromText, type Entry } from "@base-kit/core";
import { filterEntries } from "../filter-entries.ts";
import { compileGlob } from "../glob.ts";
import { eachSegment, type Transform } from "./transform.ts";

export interface PathRules {
  /** Absolute patterns such as `/usr/share/man/*`. */
  readonly exclude: readonly string[];
  /** What comes back although a pattern excludes it. */
  readonly include?: readonly string[];
}

/**
 * Leaves paths out with the meaning of dpkg's `--path-exclude` and `--path-include`, excludes first: the last pattern that
 * matches decides. A directory or symbolic link stays when something below it may come back through an include.
 */
export function excludePaths({ exclude, include = [] }: PathRules): Transform {
  if (exclude.length === 0) return (rootfs) => rootfs;
  const excluded = exclude.map((pattern) => compileGlob(bytesFromText(pattern)));
  const included = include.map((pattern) => compileGlob(bytesFromText(pattern)));
  const kept = include.map((pattern) => bytesFromText(fixedPart(pattern)));
  const keep = ({ path, type }: Entry): boolean => {
    const absolute = `/${path}` as ByteString;
    if (!excluded.some((pattern) => pattern.test(absolute))) return true;
    if (included.some((pattern) => pattern.test(absolute))) return true;
    return (type === "directory" || type === "symlink") && kept.some((prefix) => absolute.startsWith(prefix));
  };
  return eachSegment("exclude-paths", { exclude, include }, (entries) => filterEntries(entries, keep));
}

/** The part of a pattern before its first wildcard, without slashes at its end. */
function fixedPart(pattern: string): string {
  return pattern.replace(/[*?[\\].*$/s, "").replace(/\/+$/, "");
}
