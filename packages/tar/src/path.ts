import type { ByteString } from "@base-kit/core";
import { COMPONENT_AT_MOST, PATH_AT_MOST } from "./limits.ts";

/**
 * The name in an archive as an entry path: leading `./`, doubled slashes, inner `.` and trailing `/` gone; the root is empty.
 * Gives the reason instead when the name cannot be a path below the root.
 */
export function entryPath(name: ByteString): ByteString | { readonly refused: string } {
  if (name.length > PATH_AT_MOST + 2) return { refused: `the path is longer than ${PATH_AT_MOST} bytes` };
  if (name.includes("\0")) return { refused: "the path contains a NUL byte" };
  if (name.startsWith("/")) return { refused: "the path is absolute; expected one relative to the root" };
  // Most names need no work at all; splitting each of them shows in the time of a large archive.
  if (isClean(name)) return name.length > COMPONENT_AT_MOST ? checked(name) : name;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return { refused: "the path leads out through `..`" };
  return checked(parts.join("/") as ByteString);
}

function isClean(name: string): boolean {
  return name !== "" && !name.endsWith("/") && !name.includes("//") && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(name);
}

function checked(path: ByteString): ByteString | { readonly refused: string } {
  if (path.length > PATH_AT_MOST) return { refused: `the path is longer than ${PATH_AT_MOST} bytes` };
  if (path.split("/").some((part) => part.length > COMPONENT_AT_MOST)) {
    return { refused: `a name in the path is longer than ${COMPONENT_AT_MOST} bytes` };
  }
  return path;
}

/**
 * The order of a deterministic archive: name by name, bytes compared, a folder directly before what is in it. It is the
 * order of `tar --sort=name`, and no locale has a say in it.
 */
export function compareTreeOrder(a: ByteString, b: ByteString): number {
  // `/` sorts below every byte a name may hold when it is taken for NUL, which no path contains.
  const left = a.replaceAll("/", "\0");
  const right = b.replaceAll("/", "\0");
  return left < right ? -1 : left > right ? 1 : 0;
}
