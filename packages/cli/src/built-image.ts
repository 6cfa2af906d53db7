import type { BuiltImage, Image } from "@base-kit/core";
import type { BuildFlags } from "./commands/build.ts";

/** Flags that change the image without being the producer's business. Where it goes and how it is called does not. */
const IMAGE_FLAGS = [
  "env",
  "cmd",
  "entrypoint",
  "user",
  "workdir",
  "expose",
  "volume",
  "label",
  "annotation",
  "stopSignal",
  "pathExclude",
  "pathInclude",
] as const satisfies readonly (keyof BuildFlags)[];

/** The settings of a build as they were given: a variable whose value was taken from the environment keeps it to itself. */
export function imageSettings(flags: BuildFlags, epoch: number | undefined): Readonly<Record<string, unknown>> {
  const given = IMAGE_FLAGS.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]] as const);
  return { ...Object.fromEntries(given), ...(epoch === undefined ? {} : { sourceDateEpoch: String(epoch) }) };
}

/** What a lock file keeps of an image, so that it can be made again and compared. */
export function builtImage(image: Image, settings: Readonly<Record<string, unknown>>): BuiltImage {
  const compression = image.layers[0]?.compression ?? "none";
  return {
    manifest: image.manifest.digest,
    config: image.config.digest,
    diffIds: image.layers.map(({ diffId }) => diffId),
    settings: { ...settings, compression },
  };
}
