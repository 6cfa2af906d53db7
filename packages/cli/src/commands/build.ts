import type { Context, Image, Lock } from "@base-kit/core";
import { deliver, type ImageSource, layersFor } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { builtImage, type ImageFlags, imageSettings } from "../image-settings.ts";
import { lockedImage } from "../locked-image.ts";
import { type LockFlags, openLocking, type VendorFlags, withVendored } from "../locking.ts";
import { platformsFromFlag } from "../options/platforms.ts";
import { type ProducerFlags, producerOptions } from "../options/producer.ts";
import { loadProducer, parseProducerSpec } from "../producers.ts";
import { type ImageResult, imageResult } from "../result.ts";
import { requireSameVersions } from "../version-skew.ts";

export interface BuildFlags extends ProducerFlags, ImageFlags, DestinationFlags, LockFlags, VendorFlags {
  readonly arch?: readonly string[];
  readonly allowVersionSkew?: boolean;
}

/** `base-kit build <producer>[:<release>]`: resolve, produce, transform, deliver. All options are checked before anything is fetched. */
export async function build(spec: string, flags: BuildFlags, outer: Context): Promise<ImageResult> {
  const context = await withVendored(outer, flags);
  const { name, release } = parseProducerSpec(spec);
  const producer = await loadProducer(name);
  const options = await producerOptions(producer, flags);
  const platforms = platformsFromFlag(flags.arch);
  const settings = imageSettings(flags, context.env);
  const asked = { producer, release, options, sourceDateEpoch: settings.epoch };
  const locking = await openLocking(asked, flags, context);
  const destinations = await findDestinations(flags, defaultName(name, release), context);
  const ahead = layersFor(destinations);

  const sources: (ImageSource & { readonly lock: Lock })[] = [];
  for (const platform of platforms) {
    const lock = await locking.lockFor(platform);
    sources.push({ lock, ...(await lockedImage(lock, { producer, settings, ahead }, context)) });
  }
  if (flags.allowVersionSkew !== true) requireSameVersions(sources);
  const delivered = await deliver(sources, destinations, context);
  const built = (image: Image) => builtImage(image, flags, settings);
  await locking.finish(sources.map(({ lock }, at) => ({ lock, built: built(delivered.images[at] as Image) })));
  return imageResult(delivered, sources[0]?.options.created ?? 0, destinations.run);
}

/** A release the producer will refuse is better refused by it than as a tag. */
function defaultName(producer: string, release = "latest"): string {
  const tag = release.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return `base-kit/${producer}:${tag === "" ? "latest" : tag.slice(0, 128)}`;
}
