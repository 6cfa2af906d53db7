import { type Context, type Image, type Rootfs, type SinkResult, step } from "@base-kit/core";
import { type BuildImageOptions, buildImage, type LayerOptions, validateImages } from "@base-kit/oci";
import type { Destinations } from "./destinations.ts";
import { toldOfFinished } from "./finished-before.ts";
import { type SbomFacts, writeSboms } from "./write-sboms.ts";

/** What becomes one image: the root filesystem for one platform. */
export interface ImageSource {
  readonly rootfs: Rootfs;
  readonly facts?: SbomFacts;
  /** What `buildImage` is told, besides what concerns the layers. */
  readonly options: Required<Pick<BuildImageOptions, "runtime" | "created" | "annotations" | "createdBy">>;
}

/** An image that was made and checked before, and whose parts have just been compared with their digests. */
export interface KnownImage {
  readonly image: Image;
}

export interface Delivered {
  /** In the order of their sources. */
  readonly images: readonly Image[];
  readonly outputs: readonly (SinkResult & { readonly to: string })[];
  /** Lists of packages: the files. */
  readonly sboms: readonly string[];
}

/** How layers are packed for these destinations. */
export function layersFor({ keepsLayer, layer }: Pick<Destinations, "keepsLayer" | "layer">): LayerOptions {
  return keepsLayer ? { compression: "gzip", ...layer } : { compression: "none", orAsPublished: true, ...layer };
}

/** From root filesystems to everywhere they are wanted: one image each, checked once, handed to each destination in turn. */
export async function deliver(
  sources: readonly (ImageSource | KnownImage)[],
  destinations: Destinations,
  context: Context,
): Promise<Delivered> {
  const layers = layersFor(destinations);
  const images: Image[] = [];
  for (const source of sources) {
    if ("image" in source) images.push(source.image);
    else images.push(await buildImage(source.rootfs, { ...source.options, ...layers }, context));
  }
  const what = images.length === 1 ? "checking the image" : "checking the images";
  const isKnown = sources.every((source) => "image" in source);
  const checked = isKnown ? Promise.resolve() : step(context, what, () => validateImages(images, context));
  // Awaited below; until then a failure must not end the process.
  checked.catch(() => {});
  destinations.onImages?.(images, checked);
  const outputs: Delivered["outputs"][number][] = [];
  try {
    await writeAll(images, { destinations, checked, context, onWritten: (output) => outputs.push(output) });
    const described = images.flatMap((image, at) => {
      const source = sources[at] as ImageSource | KnownImage;
      if ("image" in source) return [];
      const { rootfs, facts, options } = source;
      return {
        image,
        rootfs,
        ...(facts === undefined ? {} : { facts }),
        created: options.created,
        name: destinations.name,
      };
    });
    return { images, outputs, sboms: await writeSboms(described, destinations, context) };
  } catch (error) {
    throw toldOfFinished(error, outputs, context.signal);
  }
}

interface WriteAllOptions {
  readonly destinations: Destinations;
  readonly checked: Promise<void>;
  readonly context: Context;
  readonly onWritten: (output: Delivered["outputs"][number]) => void;
}

async function writeAll(
  images: readonly Image[],
  { destinations, checked, context, onWritten }: WriteAllOptions,
): Promise<void> {
  try {
    const ending = images.map((image) => endingWhen(checked, image));
    for (const { sink, references } of destinations.list) {
      context.signal.throwIfAborted();
      onWritten({ to: sink.name, ...(await sink.write(ending, references, context)) });
    }
  } finally {
    // A flaw of the image is the reason for whatever else went wrong.
    await checked;
  }
}

/**
 * The image, whose layers do not end before `checked` is fulfilled. An engine takes longer to receive an image than the check
 * takes, so both go on at once; but nobody can have all of an image that turns out to be flawed.
 */
function endingWhen(checked: Promise<void>, image: Image): Image {
  return {
    ...image,
    layers: image.layers.map((layer) => ({ ...layer, open: (options) => withheld(layer.open(options), checked) })),
  };
}

/** All chunks, each when the next one is there, the last when `released` is fulfilled. */
export async function* withheld(
  chunks: AsyncIterable<Uint8Array>,
  released: Promise<void>,
): AsyncGenerator<Uint8Array, void, void> {
  let last: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (last !== undefined) yield last;
    last = chunk;
  }
  await released;
  if (last !== undefined) yield last;
}
