import { type Context, hostPlatform, parsePlatform } from "@base-kit/core";
import { deliver } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { builtImage, type ImageFlags, imageSettings } from "../image-settings.ts";
import { lockedImage } from "../locked-image.ts";
import { type LockFlags, openLocking } from "../locking.ts";
import { type ProducerFlags, producerOptions } from "../options/producer.ts";
import { loadProducer, parseProducerSpec } from "../producers.ts";
import { type ImageResult, imageResult } from "../result.ts";

export interface BuildFlags extends ProducerFlags, ImageFlags, DestinationFlags, LockFlags {
  readonly arch?: string;
}

/** `base-kit build <producer>[:<release>]`: resolve, produce, transform, deliver. All options are checked before anything is fetched. */
export async function build(spec: string, flags: BuildFlags, context: Context): Promise<ImageResult> {
  const { name, release } = parseProducerSpec(spec);
  const producer = await loadProducer(name);
  const options = await producerOptions(producer, flags);
  const platform = flags.arch === undefined ? hostPlatform() : parsePlatform(flags.arch);
  const settings = imageSettings(flags, context.env);
  const asked = { producer, release, options, sourceDateEpoch: settings.epoch };
  const locking = await openLocking(asked, flags, context);
  const destinations = await findDestinations(flags, defaultName(name, release), context);

  const lock = await locking.lockFor(platform);
  const planned = await lockedImage(lock, { producer, settings }, context);
  const delivered = await deliver(planned.rootfs, destinations, {
    ...destinations.layer,
    ...planned.options,
    context,
  });
  await locking.finish([{ lock, built: builtImage(delivered.image, flags, settings) }]);
  return imageResult(delivered, lock.sourceDateEpoch, destinations.run);
}

/** A release the producer will refuse is better refused by it than as a tag. */
function defaultName(producer: string, release = "latest"): string {
  const tag = release.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return `base-kit/${producer}:${tag === "" ? "latest" : tag.slice(0, 128)}`;
}
