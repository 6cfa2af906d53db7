import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { type Context, printable, step } from "@base-kit/core";
import { compressed, findCompressor } from "@base-kit/oci";
import {
  applyTransforms,
  archiveDirectory,
  directorySegment,
  excludePaths,
  mergedEntries,
  type PathRules,
  packDirectory,
  type ReadDirectoryOptions,
  requireDirectory,
} from "@base-kit/rootfs";
import { fillFileAtomically, writeFileAtomically } from "@base-kit/store";
import { writeTar } from "@base-kit/tar";
import { requireFilePlace } from "../file-places.ts";
import { type PathFlags, pathRules } from "../options/path-rules.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { compressionByName } from "../options/tar-file.ts";
import { ownFiles } from "../own-files.ts";
import { isRunningRoot, runningRootOptions } from "../running-root.ts";
import { requirePipe, STANDARD_OUTPUT, writeToStdout } from "../standard-output.ts";

export interface PackFlags extends PathFlags {
  readonly sourceDateEpoch?: string;
  /** Standard output is for the result. */
  readonly json?: boolean;
}

export interface PackResult {
  readonly file: string;
  /** Bytes, and the digest of exactly these bytes. */
  readonly size: number;
  readonly digest: `sha256:${string}`;
}

/** `base-kit pack <directory> <file|->`: a tar whose bytes follow from the tree alone, compressed as its name says. */
export async function pack(directory: string, file: string, flags: PackFlags, context: Context): Promise<PackResult> {
  const epoch = sourceDateEpoch(flags.sourceDateEpoch, context.env);
  const paths = pathRules(flags);
  const isAll = paths.exclude.length === 0;
  const path = resolve(directory);
  const compression = compressionByName(file);
  await requireDirectory(directory);
  if (file === STANDARD_OUTPUT) requirePipe("base-kit pack DIR - | …", flags);
  else requireFilePlace(file);
  return step(context, `packing ${printable(path)}`, async (handle) => {
    const hash = createHash("sha256");
    let size = 0;
    const count = (chunk: Uint8Array) => {
      context.signal.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
      handle.progress(size);
    };
    const running = (await isRunningRoot(path)) ? await runningRootOptions(context) : undefined;
    const clamp = epoch === undefined ? {} : { clampTimes: epoch };
    const outputs = file === STANDARD_OUTPUT ? [] : [{ path: file, as: "file" } as const];
    const reading = { ...running, ...clamp, excludePatterns: await ownFiles(path, outputs, context) };
    if (isAll && compression === "none" && file !== STANDARD_OUTPUT) {
      await fillFileAtomically(file, (temporary, grown) => {
        const onBytes = (bytes: Uint8Array) => {
          count(bytes);
          grown(bytes.length);
        };
        return archiveDirectory({ directory: path, file: temporary }, context, { ...reading, onBytes });
      });
    } else {
      const tar = isAll ? packDirectory(path, context, reading) : await tarWithout(paths, { path, reading, context });
      const chunks = compression === "none" ? tar : compressed(tar, await findCompressor({ compression }, context));
      if (file === STANDARD_OUTPUT) await writeToStdout(chunks, { onChunk: count, signal: context.signal });
      else await writeFileAtomically(file, chunks, { onChunk: count });
    }
    return { file, size, digest: `sha256:${hash.digest("hex")}` };
  });
}

/** For people: nothing where the tar itself has standard output. */
export function renderPacked({ digest, file }: PackResult): string {
  return file === STANDARD_OUTPUT ? "" : `${digest}  ${printable(file)}\n`;
}

interface TarWithout {
  readonly path: string;
  readonly reading: ReadDirectoryOptions;
  readonly context: Context;
}

/** What is excluded may be what hard links share, so that the tree has to be known as a whole. */
async function tarWithout(paths: PathRules, { path, reading, context }: TarWithout): Promise<AsyncIterable<Buffer>> {
  const segment = await directorySegment(path, context, reading);
  const transforms = [excludePaths(paths)];
  const bare = {
    platform: { os: "linux", architecture: "amd64" },
    osRelease: {},
    packages: [],
    segments: [segment],
    runtime: {},
  } as const;
  return writeTar(mergedEntries(applyTransforms(bare, transforms)));
}
