import { basename } from "node:path";
import { type Context, hostPlatform, parsePlatform, type RuntimeConfig, type Segment } from "@base-kit/core";
import {
  applyTransforms,
  clampTimes,
  describeRootfs,
  detectPlatform,
  emptyPseudoFilesystems,
  excludePaths,
  findFile,
  mergedEntries,
  requireGnuTar,
} from "@base-kit/rootfs";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { findImportSource, readImportSource } from "../import-source.ts";
import { isOpenFile } from "../open-file.ts";
import { type PathFlags, pathRules } from "../options/path-rules.ts";
import { harmlessPairs, type RuntimeFlags, runtimeFromFlags } from "../options/runtime.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { type ImageResult, imageResult } from "../result.ts";
import { sendingAhead } from "../sent-ahead.ts";

export interface ImportFlags extends RuntimeFlags, DestinationFlags, PathFlags {
  readonly arch?: string;
  readonly annotation?: readonly string[];
  readonly sourceDateEpoch?: string;
}

/** `base-kit import <directory|tar|-> [name]`: what `tar -c . | docker import -` does, with everything that loses put right. */
export async function importRootfs(
  source: string,
  name: string | undefined,
  flags: ImportFlags,
  context: Context,
): Promise<ImageResult> {
  const runtime = runtimeFromFlags(flags, context.env);
  const annotations = harmlessPairs("annotation", flags.annotation ?? []);
  const epoch = sourceDateEpoch(flags.sourceDateEpoch, context.env);
  const paths = pathRules(flags);
  const asked = flags.arch === undefined ? undefined : parsePlatform(flags.arch);
  const tags = [...(name === undefined ? [] : [name]), ...(flags.tag ?? [])];
  const found = await findImportSource(source);
  const finding = findDestinations({ ...flags, tag: tags }, defaultName(source), context);
  // While the engine answers; that there is no GNU tar is told by who needs it.
  if (found.kind === "directory") requireGnuTar(context).catch(() => {});
  await using ahead = sendingAhead(await finding, context);
  const { destinations, follow } = ahead;

  const mayChange = epoch !== undefined || paths.exclude.length > 0;
  const reading = { places: destinations.places, ...(mayChange || follow === undefined ? {} : { follow }) };
  // One array: its tree is made once.
  const segments = [await readImportSource(found, context, reading)];
  const platform = asked ?? (await detectPlatform({ segments })) ?? hostPlatform();
  const described = await describeRootfs(segments, platform);
  const changed = applyTransforms(described, [
    // Of a directory, they were not read.
    ...(found.kind === "directory" ? [] : [emptyPseudoFilesystems()]),
    excludePaths(paths),
    ...(epoch === undefined ? [] : [clampTimes(epoch)]),
  ]);
  const rootfs = { ...changed, runtime: usualRuntime(changed) };
  const created = epoch ?? newestTime(rootfs);
  const createdBy = "base-kit import";
  const options = { runtime, created, annotations, createdBy };
  const delivered = await deliver([{ rootfs, options }], destinations, context);
  return imageResult(delivered, created, destinations.run);
}

/** A shell if there is one, so that `docker run -it` does something; Docker's import leaves this empty. */
function usualRuntime(rootfs: { readonly segments: readonly Segment[] }): RuntimeConfig {
  const shell = ["/bin/bash", "/bin/sh"].find((path) => findFile(rootfs, path.slice(1)) !== undefined);
  return {
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    ...(shell === undefined ? {} : { cmd: [shell] }),
  };
}

/** The newest file's time: the same input gives the same image on any day. */
function newestTime(rootfs: { readonly segments: readonly Segment[] }): number {
  const [only, ...others] = rootfs.segments;
  if (only?.tree !== undefined && others.length === 0) return only.tree.newest;
  return mergedEntries(rootfs).reduce((newest, { mtime }) => Math.max(newest, mtime), 0);
}

function defaultName(source: string): string {
  const name = basename(source === "/" || source === "-" || isOpenFile(source) ? "root" : source)
    .toLowerCase()
    .replace(/\.(?:tar|t[gx]z).*$/, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `base-kit/${name === "" ? "rootfs" : name}:latest`;
}
