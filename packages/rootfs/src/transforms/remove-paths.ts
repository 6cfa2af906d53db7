import { bytesFromText } from "@base-kit/core";
import { filterEntries } from "../filter-entries.ts";
import { eachSegment, type Transform } from "./transform.ts";

/** Takes exact paths away, each with all that is below it. `var/cache/apt` and `/var/cache/apt` mean the same. */
export function removePaths(paths: readonly string[]): Transform {
  const removed = new Set<string>(paths.map((path) => bytesFromText(path.replace(/^\/+|\/+$/g, ""))));
  return eachSegment("remove-paths", paths, (entries) => filterEntries(entries, ({ path }) => !isBelow(path, removed)));
}

/** Whether a path or one of its folders is among these; thousands may be. */
function isBelow(path: string, removed: ReadonlySet<string>): boolean {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) if (removed.has(at)) return true;
  return false;
}

/** Keeps the named directories but nothing in them, as in a cache or a mount point. */
export function emptyDirectories(paths: readonly string[]): Transform {
  const below = paths.map((path) => `${bytesFromText(path.replace(/^\/+|\/+$/g, ""))}/`);
  return eachSegment("empty-directories", paths, (entries) =>
    filterEntries(entries, ({ path }) => !below.some((prefix) => path.startsWith(prefix))),
  );
}

/** The engine mounts its own `/dev`, `/proc` and `/sys`; what the image has there is never seen. */
export function emptyPseudoFilesystems(): Transform {
  return emptyDirectories(["dev", "proc", "sys"]);
}
