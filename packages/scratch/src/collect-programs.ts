import type { Architecture, Context, Platform } from "@base-kit/core";
import { printable, step } from "@base-kit/core";
import { copyProgram, type ProgramCopy } from "./copy-program.ts";
import { type Placement, placePrograms } from "./image-path.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import { requireStaticProgram, sharedPlatform } from "./require-static.ts";

/** A checked program as it will be in the image. */
export interface Program extends Placement {
  readonly copy: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal digits. */
  readonly sha256: string;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

export interface Collected {
  readonly programs: readonly Program[];
  readonly platform: Platform;
}

/** Reads and checks every program before anything is made of them. */
export async function collectPrograms(
  programs: readonly ScratchProgram[],
  options: ScratchOptions,
  context: Context,
): Promise<Collected> {
  const placements = placePrograms(programs);
  return await step(context, "reading programs", async ({ progress, detail }) => {
    const collected: (Program & { readonly architecture: Architecture })[] = [];
    let before = 0;
    for (const placement of placements) {
      const { file } = placement;
      const copy = await copyProgram(file, context, (read) => progress(before + read, { detail: printable(file) }));
      const architecture = requireStaticProgram({ copy: copy.path, name: file });
      warnAboutSetuid(file, copy, context);
      const { size, sha256 } = copy;
      const mtime = Math.min(copy.mtime, options.sourceDateEpoch ?? Number.POSITIVE_INFINITY);
      collected.push({ ...placement, copy: copy.path, size, sha256, mode: imageMode(copy.mode), mtime, architecture });
      before += size;
    }
    const platform = sharedPlatform(collected, options.platform);
    detail(collected.length === 1 ? "1 program" : `${collected.length} programs`);
    return { programs: collected, platform };
  });
}

/**
 * Everyone may read and start a program in an image, whatever the umask of who built it was, and nobody but root may
 * change it. A setuid bit would get a new meaning: it named the file's owner, and in the image that is root.
 */
function imageMode(mode: number): number {
  return (mode & 0o755) | 0o555;
}

function warnAboutSetuid(file: string, { mode }: ProgramCopy, { reporter }: Context): void {
  if ((mode & 0o6000) === 0) return;
  const bit = (mode & 0o4000) !== 0 ? "setuid" : "setgid";
  reporter.emit({
    type: "warned",
    code: "SCRATCH_SETUID_DROPPED",
    message: `${printable(file)} loses its ${bit} bit: all files of a scratch image belong to root, so it would make a root program of it`,
  });
}
