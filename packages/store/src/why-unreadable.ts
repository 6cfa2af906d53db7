import { lstatSync, readlinkSync, statSync } from "node:fs";
import { printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/**
 * Why a path cannot be read, as people would put it: which part of it is missing, no folder, closed to this user, or a link that leads
 * nowhere. The system tells only that one of them is.
 */
export function whyUnreadable(path: string, error: unknown): string {
  const code = systemErrorCode(error);
  const part = partAtFault(path);
  // By now it may be there, or the error is one of opening it.
  const found = part !== undefined && part.code === code ? described(part) : undefined;
  return found === undefined ? systemErrorReason(error) : `${found} (${code})`;
}

interface Part {
  readonly path: string;
  /** The folder that it would be in; undefined for the first. */
  readonly folder: string | undefined;
  readonly code: string;
  readonly isLast: boolean;
}

/** The first part that leads no further. Not cleared of dots: with links in it, a/../b is not b. */
function partAtFault(path: string): Part | undefined {
  const ends = [...path.matchAll(/[^/](?=\/|$)/g)].map(({ index }) => index + 1);
  let folder: string | undefined;
  for (const [at, end] of ends.entries()) {
    const part = path.slice(0, end);
    const isLast = at === ends.length - 1;
    try {
      const isFolder = statSync(part).isDirectory();
      if (!isFolder && (!isLast || path.endsWith("/"))) return { path: part, folder, code: "ENOTDIR", isLast };
    } catch (error) {
      return { path: part, folder, code: systemErrorCode(error) ?? "", isLast };
    }
    folder = part;
  }
  return undefined;
}

function described({ path, folder, code, isLast }: Part): string | undefined {
  const name = printable(path);
  const target = targetOf(path);
  if (target !== undefined)
    return `${name} is a link to ${printable(target)}, ${LINKS[code] ?? "which cannot be read"}`;
  switch (code) {
    case "ENOENT":
      return isLast ? "there is nothing of that name" : `there is no folder ${name}`;
    case "ENOTDIR":
      return `${name} is not a folder`;
    case "EACCES":
      return `you may not enter the folder ${folder === undefined ? "it is in" : printable(folder)}`;
    default:
      return undefined;
  }
}

/** What is wrong with what a link leads to. */
const LINKS: Readonly<Record<string, string>> = {
  ENOENT: "which is not there",
  ENOTDIR: "where a part of the path is not a folder",
  ELOOP: "from where no end is reached",
  EACCES: "which you may not reach",
};

function targetOf(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
