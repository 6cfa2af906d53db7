import type { Context, Image, Lock } from "@base-kit/core";
import { type Delivered, deliver, type ImageSource, layersFor } from "../deliver.ts";
import { type DestinationFlags, findDestinations } from "../destinations.ts";
import { builtImage, type ImageFlags, imageSettings } from "../image-settings.ts";
import { lockedImage } from "../locked-image.ts";
import { type LockFlags, openLocking, type VendorFlags, withVendored } from "../locking.ts";
import { imageKey, listening, recallBuild, rememberBuild } from "../made-before.ts";
import { keepFailedFolder } from "../options/keep-failed.ts";
import { platformsFromFlag } from "../options/platforms.ts";
import { type ProducerFlags, producerOptions } from "../options/producer.ts";
import { loadProducer, parseProducerSpec } from "../producers.ts";
import { type ImageResult, imageResult } from "../result.ts";
import { requireSameVersions } from "../version-skew.ts";

export interface BuildFlags extends ProducerFlags, ImageFlags, DestinationFlags, LockFlags, VendorFlags {
  readonly arch?: readonly string[];
  readonly allowVersionSkew?: boolean;
  readonly keepFailed?: string;
}

/** `base-kit build <producer>[:<release>]`: resolve, produce, transform, deliver. All options are checked before anything is fetched. */
export async function build(spec: string, flags: BuildFlags, outer: Context): Promise<ImageResult> {
  const context = await withVendored(outer, flags);
  const { name, release } = parseProducerSpec(spec);
  const producer = await loadProducer(name);
  const options = await producerOptions(producer, flags);
  const keepFailed = await keepFailedFolder(producer, flags);
  const platforms = platformsFromFlag(flags.arch);
  const settings = imageSettings(flags, context.env);
  const asked = { producer, release, options, sourceDateEpoch: settings.epoch };
  const locking = await openLocking(asked, flags, context);
  const destinations = await findDestinations(flags, defaultName(name, release), context);
  const layers = layersFor(destinations);

  const locks: Lock[] = [];
  for (const platform of platforms) locks.push(await locking.lockFor(platform));
  const built = (image: Image) => builtImage(image, flags, settings);
  const finish = async (delivered: Delivered) => {
    await locking.finish(locks.map((lock, at) => ({ lock, built: built(delivered.images[at] as Image) })));
    return imageResult(delivered, locks[0]?.sourceDateEpoch ?? 0, destinations.run);
  };
  const [lock, ...others] = locks as [Lock, ...Lock[]];
  // Several are compared with each other, and a list of packages is made from the tree.
  const isImageAll = others.length === 0 && destinations.sboms.length === 0;
  const key = isImageAll ? await imageKey({ lock, producer, settings, layers }) : undefined;
  const image = key === undefined ? undefined : await recallBuild(key, lock, context);
  if (image !== undefined) return finish(await deliver([{ image }], destinations, context));

  const heard = listening(context);
  const sources: ImageSource[] = [];
  for (const each of locks)
    sources.push(await lockedImage(each, { producer, settings, ahead: layers, keepFailed }, heard));
  if (flags.allowVersionSkew !== true) requireSameVersions(sources);
  const delivered = await deliver(sources, destinations, context);
  if (key !== undefined)
    await rememberBuild(key, { image: delivered.images[0] as Image, warnings: heard.warnings }, context);
  return finish(delivered);
}

/** A release the producer will refuse is better refused by it than as a tag. */
function defaultName(producer: string, release = "latest"): string {
  const tag = release.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return `base-kit/${producer}:${tag === "" ? "latest" : tag.slice(0, 128)}`;
}
