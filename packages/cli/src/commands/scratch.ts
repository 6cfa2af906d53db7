import { basename } from "node:path";
import { BaseKitError, type Context, type Image, parsePlatform, printable } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import { type ScratchContext, type ScratchReport, scratchContext, scratchRootfs } from "@base-kit/scratch";
import { checkImage } from "../check-image.ts";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { harmlessPairs, type RuntimeFlags, runtimeFromFlags } from "../options/runtime.ts";
import { type NeedsFlags, needsFromFlags } from "../options/scratch.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { type ImageResult, imageResult } from "../result.ts";

export interface ScratchFlags extends RuntimeFlags, DestinationFlags, NeedsFlags {
  readonly annotation?: readonly string[];
  readonly sourceDateEpoch?: string;
  /** Writes Docker's build context into this directory instead of an image. */
  readonly dockerfile?: string;
  /** Only tells what would be in the image. */
  readonly explain?: boolean;
  /** Seconds to run it for; `true` for a number that does. */
  readonly check?: string | true;
}

const CHECK_SECONDS = 5;

/** `base-kit scratch <program>…`: an image with nothing but the programs, or the context `docker build` makes it from. */
export async function scratch(
  programs: readonly string[],
  flags: ScratchFlags,
  context: Context,
): Promise<ImageResult | ScratchContext | ScratchReport> {
  const epoch = sourceDateEpoch(flags.sourceDateEpoch, context.env);
  const runtime = runtimeFromFlags(flags, context.env);
  const seconds = checkSeconds(flags.check);
  const options = {
    runtime,
    ...(await needsFromFlags(flags, context)),
    ...(flags.arch === undefined ? {} : { platform: parsePlatform(flags.arch) }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
  if (flags.dockerfile !== undefined) return scratchContext(programs, flags.dockerfile, options, context);
  if (flags.explain === true) return (await scratchRootfs(programs, options, context)).report;
  const annotations = harmlessPairs("annotation", flags.annotation ?? []);
  const destinations = await findDestinations(flags, defaultName(programs), context);
  const rootfs = await scratchRootfs(programs, options, context);
  const created = epoch ?? mergedEntries(rootfs).reduce((newest, { mtime }) => Math.max(newest, mtime), 0);
  const createdBy = "base-kit scratch";
  const source = { rootfs, options: { runtime, created, annotations, createdBy } };
  const delivered = await deliver([source], destinations, context);
  if (seconds !== undefined) {
    const { root } = options;
    const entries = mergedEntries(rootfs);
    const checked = { entries, runtime: rootfs.runtime, seconds, ...(root === undefined ? {} : { root }) };
    await checkImage(delivered.images[0] as Image, checked, { flags, context });
  }
  return imageResult(delivered, created, destinations.run);
}

function checkSeconds(check: ScratchFlags["check"]): number | undefined {
  if (check === undefined) return undefined;
  const seconds = check === true ? CHECK_SECONDS : Number(check);
  if (seconds > 0 && seconds <= 3600) return seconds;
  throw new BaseKitError(
    "OPTION_INVALID",
    `--check ${printable(String(check))} is refused: expected seconds, such as 10`,
    { kind: "usage" },
  );
}

function defaultName([first = ""]: readonly string[]): string {
  const name = basename(first)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `base-kit/${name === "" ? "program" : name}:latest`;
}
