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
  // Most names need nothing but their `./` taken off; splitting each of them shows in the time of a large archive.
  const path = (name.startsWith("./") ? name.slice(2) : name) as ByteString;
  if (isClean(path)) return path.length > COMPONENT_AT_MOST ? checked(path) : path;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return { refused: "the path leads out through `..`" };
  return checked(parts.join("/") as ByteString);
}

/** No empty name and none of dots in it. It may say no to a clean path, never yes to another. */
function isClean(path: string): boolean {
  let before = 0x2f;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    // A slash or a dot after a slash: `//`, `/.`, and hidden files, which take the longer way.
    if (before === 0x2f && (code === 0x2f || code === 0x2e)) return false;
    before = code;
  }
  return before !== 0x2f;
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
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    // A slash comes before all else, as in `treeOrderKey`.
    if (left !== right) return left === SLASH ? -1 : right === SLASH ? 1 : left - right;
  }
  return a.length - b.length;
}

const SLASH = 0x2f;

/** What `<` compares in that order; made once per path where many are sorted. */
export function treeOrderKey(path: ByteString): string {
  // `/` sorts below every byte a name may hold when it is taken for NUL, which no path contains.
  return path.replaceAll("/", "\0");
}
