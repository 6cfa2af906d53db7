import { basename } from "node:path";
import { BaseKitError, type Context, type Image, type Producer, printable, textFromBytes } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import {
  type ScratchContext,
  type ScratchReport,
  type ScratchRootfs,
  scratchContext,
  scratchRootfs,
} from "@base-kit/scratch";
import { checkImage } from "../check-image.ts";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { builtImage, type ImageFlags, imageSettings } from "../image-settings.ts";
import { lockedImage } from "../locked-image.ts";
import { type LockFlags, openLocking } from "../locking.ts";
import type { NeedsFlags } from "../options/scratch.ts";
import { type ImageResult, imageResult } from "../result.ts";
import { gatherOptions, scratchProducer, scratchRequest } from "../scratch-producer.ts";
import type { SbomFacts } from "../write-sboms.ts";

export interface ScratchFlags extends ImageFlags, DestinationFlags, NeedsFlags, LockFlags {
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
  const settings = imageSettings(flags, context.env);
  const { epoch } = settings;
  const seconds = checkSeconds(flags.check);
  const request = scratchRequest(programs, flags);
  if (flags.dockerfile !== undefined)
    return scratchContext(programs, flags.dockerfile, await gatherOptions(request, { flags, epoch }, context), context);
  if (flags.explain === true)
    return (await scratchRootfs(programs, await gatherOptions(request, { flags, epoch }, context), context)).report;
  const gather = once(async () => {
    const options = await gatherOptions(request, { flags, epoch }, context);
    return { options, rootfs: await scratchRootfs(programs, options, context) };
  });
  const producer = scratchProducer(async () => (await gather()).rootfs);
  const asked = { producer: producer as Producer, release: undefined, options: request, sourceDateEpoch: epoch };
  const locking = await openLocking(asked, flags, context);
  const destinations = await findDestinations(flags, defaultName(programs), context);
  const { rootfs, options } = await gather();
  const { platform } = rootfs;
  const lock =
    locking.recorded(platform) ??
    (await producer.resolve({ release: undefined, platform, sourceDateEpoch: epoch, options: request }, context));
  const planned = await lockedImage(lock, { producer: producer as Producer, settings }, context);
  const delivered = await deliver([{ ...planned, facts: sbomFacts(rootfs) }], destinations, context);
  const image = delivered.images[0] as Image;
  await locking.finish([{ lock, built: builtImage(image, flags, settings) }]);
  if (seconds !== undefined) {
    const { root } = options;
    const entries = mergedEntries(planned.rootfs);
    const checked = { entries, runtime: rootfs.runtime, seconds, ...(root === undefined ? {} : { root }) };
    await checkImage(image, checked, { flags, context });
  }
  return imageResult(delivered, planned.options.created, destinations.run);
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

/** Programs that no package brought are listed by themselves. */
function sbomFacts({ report, inputs, system }: ScratchRootfs): SbomFacts {
  const byPath = new Map(inputs.map((input) => [textFromBytes(input.path), input]));
  const programs = [...new Set(report.programs.map(({ path }) => path))].flatMap((path) => {
    const { sha256, package: owner } = byPath.get(path) ?? {};
    return sha256 === undefined || owner !== undefined ? [] : [{ path, sha256 }];
  });
  return { system, programs };
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
