import type { Elf } from "./elf.ts";

/**
 * - `static`: a program that needs nothing but the kernel
 * - `dynamic`: a program that an interpreter loads, or that needs libraries
 * - `library`: cannot be started by itself
 * - `object`: not linked yet, or a core dump
 */
export type Linkage = "static" | "dynamic" | "library" | "object";

export function linkageOf(elf: Elf): Linkage {
  if (elf.type !== "executable" && elf.type !== "shared") return "object";
  // libc.so.6 is a library with an interpreter: it can be started, so it counts as a program.
  if (elf.interpreter !== undefined) return "dynamic";
  const needsLibraries = (elf.dynamic?.needed.length ?? 0) > 0;
  const movable = elf.type === "shared" && !elf.dynamic?.pie;
  if (movable && (needsLibraries || elf.dynamic?.soname !== undefined || elf.entry === 0n)) return "library";
  return needsLibraries ? "dynamic" : "static";
}
