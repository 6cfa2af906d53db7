import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  bytesFromText,
  type Context,
  canonicalJson,
  type DirectoryEntry,
  type Entry,
  type FileEntry,
  type Rootfs,
  type RuntimeConfig,
  type Segment,
} from "@base-kit/core";
import { directoryEntry } from "@base-kit/rootfs";
import { type Collected, collectPrograms, type Program } from "./collect-programs.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import { scratchRuntime } from "./runtime.ts";

/**
 * The root filesystem of Docker's `FROM scratch`, `ADD program /`, without a daemon: the programs, the folders they are
 * in, and nothing else. Owner root; mode of the file, but readable and startable by everyone and without setuid.
 * Programs are read, never run; the entries read from copies in the context's private directory.
 *
 * @throws BaseKitError `SCRATCH_…` or `ELF_…`; kind `unsupported` for a program that is not static
 */
export async function scratchRootfs(
  programs: readonly ScratchProgram[],
  options: ScratchOptions,
  context: Context,
): Promise<Rootfs> {
  const collected = await collectPrograms(programs, options, context);
  const runtime = scratchRuntime(collected.programs, options.runtime);
  return {
    platform: collected.platform,
    osRelease: {},
    packages: [],
    segments: [programsSegment(collected, runtime)],
    runtime,
  };
}

function programsSegment({ programs }: Collected, runtime: RuntimeConfig): Segment {
  const entries: readonly Entry[] = [...folders(programs, runtime), ...programs.map(programEntry)];
  // Folders have the newest time of the programs, so that they add nothing that the programs do not say.
  const facts = programs.map(({ path, size, sha256, mode, mtime }) => ({ path, size, sha256, mode, mtime }));
  const key = createHash("sha256").update(canonicalJson({ scratch: 1, facts, workdir: runtime.workdir ?? null }));
  return { key: `sha256:${key.digest("hex")}`, origin: "base", entries: () => entries };
}

/** Every folder above a program, and the working directory, which `WORKDIR` makes too; parents first. */
function folders(programs: readonly Program[], { workdir = "/" }: RuntimeConfig): readonly DirectoryEntry[] {
  const paths = new Set([...programs.flatMap(({ path }) => foldersAbove(path)), ...foldersAbove(`${workdir}/.`)]);
  const mtime = Math.max(...programs.map((program) => program.mtime));
  return [...paths].sort().map((path) => directoryEntry(path, { mtime }));
}

/** `usr` and `usr/bin` of `/usr/bin/hello`. */
function foldersAbove(path: string): readonly string[] {
  const components = path.split("/").filter((component) => component !== "");
  return components.slice(0, -1).map((_, index) => components.slice(0, index + 1).join("/"));
}

function programEntry({ path, copy, size, mode, mtime }: Program): FileEntry {
  return {
    type: "file",
    path: bytesFromText(path.slice(1)),
    mode,
    uid: 0,
    gid: 0,
    mtime,
    size,
    content: () => createReadStream(copy, { highWaterMark: 1024 ** 2 }),
  };
}
