import { type Context, hostPlatform, parsePlatform } from "@base-kit/core";
import { applyTransforms, clampTimes, emptyPseudoFilesystems, excludePaths } from "@base-kit/rootfs";
import { builtImage, imageSettings } from "../built-image.ts";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { baseAnnotations } from "../image-producer.ts";
import { type LockFlags, openLocking } from "../locking.ts";
import { type ProducerFlags, producerOptions } from "../options/producer.ts";
import { pairs, type RuntimeFlags, runtimeFromFlags } from "../options/runtime.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { loadProducer, parseProducerSpec } from "../producers.ts";
import { type ImageResult, imageResult } from "../result.ts";

export interface BuildFlags extends ProducerFlags, RuntimeFlags, DestinationFlags, LockFlags {
  readonly arch?: string;
  readonly pathExclude?: readonly string[];
  readonly pathInclude?: readonly string[];
  readonly annotation?: readonly string[];
  readonly sourceDateEpoch?: string;
}

/** `base-kit build <producer>[:<release>]`: resolve, produce, transform, deliver. All options are checked before anything is fetched. */
export async function build(spec: string, flags: BuildFlags, context: Context): Promise<ImageResult> {
  const { name, release } = parseProducerSpec(spec);
  const producer = await loadProducer(name);
  const options = await producerOptions(producer, flags);
  const platform = flags.arch === undefined ? hostPlatform() : parsePlatform(flags.arch);
  const runtime = runtimeFromFlags(flags, context.env);
  const annotations = pairs("--annotation", flags.annotation ?? []);
  const epoch = sourceDateEpoch(flags.sourceDateEpoch, context.env);
  const asked = { producer, release, options, sourceDateEpoch: epoch };
  const locking = await openLocking(asked, flags, context);
  const destinations = await findDestinations(flags, defaultName(name, release), context);

  const lock = await locking.lockFor(platform);
  const produced = await producer.produce(lock, context);
  const rootfs = applyTransforms(produced, [
    emptyPseudoFilesystems(),
    excludePaths({ exclude: flags.pathExclude ?? [], include: flags.pathInclude ?? [] }),
    clampTimes(lock.sourceDateEpoch),
  ]);
  const created = lock.sourceDateEpoch;
  const createdBy = `base-kit build ${name}:${lock.release}`;
  const delivered = await deliver(rootfs, destinations, {
    ...destinations.layer,
    runtime,
    created,
    annotations: { ...baseAnnotations(lock), ...annotations },
    createdBy,
    context,
  });
  await locking.finish([{ lock, built: builtImage(delivered.image, imageSettings(flags, epoch)) }]);
  return imageResult(delivered, created, destinations.run);
}

/** A release the producer will refuse is better refused by it than as a tag. */
function defaultName(producer: string, release = "latest"): string {
  const tag = release.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return `base-kit/${producer}:${tag === "" ? "latest" : tag.slice(0, 128)}`;
}
