import { rm } from "node:fs/promises";
import { bytesFromText, type Context, type Entry, type Platform } from "@base-kit/core";
import { mergedEntries, type Spool, spool } from "@base-kit/rootfs";
import { writeTar } from "@base-kit/tar";
import { type Collected, collect, type Program } from "./collect.ts";
import { placeContext } from "./context-folder.ts";
import { ARCHIVE, contextFiles, dockerfile } from "./dockerfile.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import type { ScratchReport } from "./report.ts";
import { entriesOf } from "./scratch-rootfs.ts";

export interface ScratchContext {
  /** The folder for `docker build`. */
  readonly dir: string;
  /** Names in it, sorted. */
  readonly files: readonly string[];
  readonly platform: Platform;
  readonly report: ScratchReport;
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
  const collected = await collect(programs, options, context);
  const copies = collected.programs.map(({ copy }) => copy.path);
  try {
    const { added, rest } = dividedEntries(collected, options);
    const archive = rest.length === 0 ? undefined : await spool(writeTar(rest), context);
    if (archive !== undefined) copies.push(archive.path);
    const files = [
      ...(archive === undefined ? [] : [archiveFile(archive)]),
      ...contextFiles(added.map((program) => ({ ...program, copy: program.copy.path, sha256: program.copy.sha256 }))),
    ];
    await placeContext(dir, { dockerfile: dockerfile(files, collected.runtime), programs: files }, context);
    const names = [".dockerignore", "Dockerfile", ...files.map(({ name }) => name)].sort();
    return { dir, files: names, platform: collected.platform, report: collected.report };
  } finally {
    await Promise.all(copies.map((copy) => rm(copy, { force: true })));
  }
}

/** Programs are added one by one, as in the guide; everything around them as one archive, which `ADD` unpacks as it is. */
function dividedEntries(
  collected: Collected,
  options: ScratchOptions,
): { readonly added: readonly Program[]; readonly rest: readonly Entry[] } {
  const added = collected.programs.filter(
    ({ kind, path, source }) =>
      source === undefined &&
      (kind.kind === "static" || kind.kind === "dynamic") &&
      collected.items.has(bytesFromText(path)),
  );
  const paths = new Set(added.map(({ path }) => bytesFromText(path.slice(1))));
  const entries = entriesOf(collected, options).filter(({ path }) => !paths.has(path));
  // Folders alone come by themselves.
  const rest = entries.some(({ type }) => type !== "directory")
    ? entries
    : entries.filter(({ mode }) => (mode & 0o1000) !== 0);
  return { added, rest: mergedEntries({ segments: [{ key: "", origin: "base", entries: () => rest }] }) };
}

function archiveFile({ path, sha256 }: Spool) {
  return { name: ARCHIVE, file: ARCHIVE, path: "/", copy: path, sha256, mode: 0o644, mtime: 0 };
}
