import { basename } from "node:path";
import { type Context, parsePlatform } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import { type ScratchContext, scratchContext, scratchRootfs } from "@base-kit/scratch";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { pairs, type RuntimeFlags, runtimeFromFlags } from "../options/runtime.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { type ImageResult, imageResult } from "../result.ts";

export interface ScratchFlags extends RuntimeFlags, DestinationFlags {
  readonly arch?: string;
  readonly annotation?: readonly string[];
  readonly sourceDateEpoch?: string;
  /** Writes Docker's build context into this directory instead of an image. */
  readonly dockerfile?: string;
}

/** `base-kit scratch <program>…`: an image with nothing but the programs, or the context `docker build` makes it from. */
export async function scratch(
  programs: readonly string[],
  flags: ScratchFlags,
  context: Context,
): Promise<ImageResult | ScratchContext> {
  const epoch = sourceDateEpoch(flags.sourceDateEpoch, context.env);
  const runtime = runtimeFromFlags(flags, context.env);
  const options = {
    runtime,
    ...(flags.arch === undefined ? {} : { platform: parsePlatform(flags.arch) }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
  if (flags.dockerfile !== undefined) return scratchContext(programs, flags.dockerfile, options, context);
  const annotations = pairs("--annotation", flags.annotation ?? []);
  const destinations = await findDestinations(flags, defaultName(programs), context);
  const rootfs = await scratchRootfs(programs, options, context);
  const created = epoch ?? mergedEntries(rootfs).reduce((newest, { mtime }) => Math.max(newest, mtime), 0);
  const createdBy = "base-kit scratch";
  const source = { rootfs, options: { runtime, created, annotations, createdBy } };
  const delivered = await deliver([source], destinations, context);
  return imageResult(delivered, created, destinations.run);
}

function defaultName([first = ""]: readonly string[]): string {
  const name = basename(first)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `base-kit/${name === "" ? "program" : name}:latest`;
}
