import { basename, resolve } from "node:path";
import { BaseKitError, printable } from "@base-kit/core";
import type { ScratchProgram } from "./options.ts";

/** A program and the place it was given. */
export interface Placed {
  readonly file: string;
  /** Absolute path in the image, where one was asked for. */
  readonly path: string | undefined;
  /** Its name, in the root directory. */
  readonly defaultPath: string;
}

/** A program and the place it will have. */
export interface Placement {
  readonly file: string;
  /** Absolute path in the image. */
  readonly path: string;
}

const COMPONENT_AT_MOST = 255;
const PATH_AT_MOST = 4095;
/** Folders that every container has: Docker fills them, and hides or breaks what is in their place. */
const COVERED = ["dev", "proc", "sys"];

/**
 * Where each program may go.
 *
 * @throws BaseKitError `SCRATCH_NO_PROGRAM`, `SCRATCH_PATH` (usage)
 */
export function placePrograms(programs: readonly ScratchProgram[]): readonly Placed[] {
  if (programs.length === 0) {
    throw new BaseKitError("SCRATCH_NO_PROGRAM", "an image from scratch needs at least one program, none was named", {
      kind: "usage",
    });
  }
  return programs.map(place);
}

/** @throws BaseKitError `SCRATCH_PATH_TAKEN` (usage) */
export function refuseClashes(placements: readonly Placement[]): void {
  placements.forEach(({ path, file }, index) => {
    const other = placements.slice(0, index).find((earlier) => clash(earlier.path, path));
    if (other === undefined) return;
    throw new BaseKitError(
      "SCRATCH_PATH_TAKEN",
      `${printable(other.file)} and ${printable(file)} cannot both be in the image: their places would be ${printable(other.path)} and ${printable(path)}`,
      { kind: "usage", hint: "Rename one of them, or give it another path in the image." },
    );
  });
}

function place(program: ScratchProgram): Placed {
  const { file, path } = typeof program === "string" ? { file: program, path: undefined } : program;
  const defaultPath = `/${basename(resolve(file))}`;
  const inside = path ?? defaultPath;
  requireImagePath(inside, `the program ${printable(file)}`);
  if (inside === "/etc" || inside === "/.dockerenv") refusePath(inside, `the program ${printable(file)}`, TAKEN);
  return { file, path, defaultPath };
}

const TAKEN = "Docker puts something of its own there";

/** The same path, or one would be a folder of the other's. */
function clash(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** @throws BaseKitError `SCRATCH_PATH` (usage) for a path that an image cannot have, or that would not be seen in a container */
export function requireImagePath(path: string, what: string): void {
  const components = path.split("/").slice(1);
  if (!path.startsWith("/") || path === "/")
    refusePath(path, what, "a path in the image begins with / and names something");
  if (path.includes("\0") || /\p{Cs}/u.test(path))
    refusePath(path, what, "it is not valid UTF-8 text without zero bytes");
  if (Buffer.byteLength(path) > PATH_AT_MOST) refusePath(path, what, `it is longer than ${PATH_AT_MOST} bytes`);
  for (const component of components) {
    if (["", ".", ".."].includes(component)) refusePath(path, what, "it holds an empty part, . or ..");
    if (Buffer.byteLength(component) > COMPONENT_AT_MOST) {
      refusePath(path, what, `a part of it is longer than ${COMPONENT_AT_MOST} bytes`);
    }
    if (component.startsWith(".wh."))
      refusePath(path, what, "names that begin with .wh. mean deleted files in an image");
  }
  if (COVERED.includes(components[0] ?? "")) refusePath(path, what, TAKEN);
}

function refusePath(path: string, what: string, why: string): never {
  throw new BaseKitError("SCRATCH_PATH", `${what} cannot be at ${printable(path)} in the image: ${why}`, {
    kind: "usage",
    hint: "Rename the file, or give it another path in the image.",
  });
}
