import { rm } from "node:fs/promises";
import type { Context, Platform } from "@base-kit/core";
import { collectPrograms } from "./collect-programs.ts";
import { placeContext } from "./context-folder.ts";
import { contextFiles, dockerfile } from "./dockerfile.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import { scratchRuntime } from "./runtime.ts";

export interface ScratchContext {
  /** The folder for `docker build`. */
  readonly dir: string;
  /** Names in it, sorted. */
  readonly files: readonly string[];
  readonly platform: Platform;
}

/**
 * Writes the build context of Docker's guide: `Dockerfile`, `.dockerignore` and the programs. `docker build` makes the
 * same root filesystem of it as `scratchRootfs` does.
 *
 * The folder appears as a whole or not at all. An existing one is filled when it is empty, replaced when it is exactly
 * as this function wrote it, and otherwise refused and left as it is.
 *
 * @throws BaseKitError as `scratchRootfs`, and `SCRATCH_CONTEXT_OCCUPIED`, `SCRATCH_DOCKERFILE` (usage),
 *   `SCRATCH_CONTEXT_UNWRITABLE` (environment)
 */
export async function scratchContext(
  programs: readonly ScratchProgram[],
  dir: string,
  options: ScratchOptions,
  context: Context,
): Promise<ScratchContext> {
  const { programs: collected, platform } = await collectPrograms(programs, options, context);
  try {
    const files = contextFiles(collected);
    const text = dockerfile(files, scratchRuntime(collected, options.runtime));
    await placeContext(dir, { dockerfile: text, programs: files }, context);
    return { dir, files: [".dockerignore", "Dockerfile", ...files.map(({ name }) => name)].sort(), platform };
  } finally {
    await Promise.all(collected.map(({ copy }) => rm(copy, { force: true })));
  }
}
