import { type Context, type Image, type Rootfs, type RuntimeConfig, type SinkResult, step } from "@base-kit/core";
import { buildImage, validateImage } from "@base-kit/oci";
import type { Destinations } from "./destinations.ts";
import { writeSboms } from "./write-sboms.ts";

export interface DeliverOptions {
  readonly runtime: RuntimeConfig;
  /** Seconds since 1970. */
  readonly created: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** @default none when only engines and plain tars take the image, else gzip */
  readonly compression?: "none" | "gzip";
  /** For `docker history`. */
  readonly createdBy: string;
}

export interface Delivered {
  readonly image: Image;
  readonly outputs: readonly (SinkResult & { readonly to: string })[];
}

/** From a root filesystem to everywhere it is wanted: one image, checked once, handed to each destination in turn. */
export async function deliver(
  rootfs: Rootfs,
  destinations: Destinations,
  options: DeliverOptions & { readonly context: Context },
): Promise<Delivered> {
  const { context, compression = destinations.keepsLayer ? "gzip" : "none", ...settings } = options;
  const image = await buildImage(rootfs, { ...settings, compression }, context);
  const checked = step(context, "checking the image", () => validateImage(image, context));
  // Awaited below; until then a failure must not end the process.
  checked.catch(() => {});
  const outputs: (SinkResult & { readonly to: string })[] = [];
  try {
    for (const { sink, references } of destinations.list) {
      context.signal.throwIfAborted();
      outputs.push({ to: sink.name, ...(await sink.write([endingWhen(checked, image)], references, context)) });
    }
  } finally {
    // A flaw of the image is the reason for whatever else went wrong.
    await checked;
  }
  await writeSboms(destinations.sboms, { rootfs, image, name: destinations.name, created: settings.created }, context);
  return { image, outputs };
}

/**
 * The image, whose layers do not end before `checked` is fulfilled. An engine takes longer to receive an image than the check
 * takes, so both go on at once; but nobody can have all of an image that turns out to be flawed.
 */
function endingWhen(checked: Promise<void>, image: Image): Image {
  const layers = image.layers.map((layer) => ({
    ...layer,
    open: async function* () {
      let last: Uint8Array | undefined;
      for await (const chunk of layer.open()) {
        if (last !== undefined) yield last;
        last = chunk;
      }
      await checked;
      if (last !== undefined) yield last;
    },
  }));
  return { ...image, layers };
}
