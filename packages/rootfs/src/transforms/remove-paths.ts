import { bytesFromText } from "@base-kit/core";
import { filterEntries } from "../filter-entries.ts";
import { eachSegment, type Transform } from "./transform.ts";

/** Takes exact paths away, each with all that is below it. `var/cache/apt` and `/var/cache/apt` mean the same. */
export function removePaths(paths: readonly string[]): Transform {
  const removed = paths.map((path) => bytesFromText(path.replace(/^\/+|\/+$/g, "")));
  const exact = new Set<string>(removed);
  const below = removed.map((path) => `${path}/`);
  return eachSegment("remove-paths", paths, (entries) =>
    filterEntries(entries, ({ path }) => !exact.has(path) && !below.some((prefix) => path.startsWith(prefix))),
  );
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
