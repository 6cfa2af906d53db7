import { type Context, type Image, type Rootfs, type RuntimeConfig, type SinkResult, step } from "@base-kit/core";
import { buildImage, validateImage } from "@base-kit/oci";
import type { Destinations } from "./destinations.ts";

export interface DeliverOptions {
  readonly runtime: RuntimeConfig;
  /** Seconds since 1970. */
  readonly created: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** @default none when only an engine takes the image, else gzip */
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
  const { context, compression = destinations.onlyEngines ? "none" : "gzip", ...settings } = options;
  const image = await buildImage(rootfs, { ...settings, compression }, context);
  await step(context, "checking the image", () => validateImage(image));
  const outputs: (SinkResult & { readonly to: string })[] = [];
  for (const { sink, references } of destinations.list) {
    context.signal.throwIfAborted();
    outputs.push({ to: sink.name, ...(await sink.write(image, references, context)) });
  }
  return { image, outputs };
}
