import {
  asCount,
  asText,
  asTexts,
  type BuiltImage,
  type Context,
  type Image,
  type JsonPart,
  type Layer,
  malformed,
  member,
  type RuntimeConfig,
} from "@base-kit/core";
import type { PathRules } from "@base-kit/rootfs";
import { type PathFlags, pathRules } from "./options/path-rules.ts";
import { harmlessPairs, type RuntimeFlags, runtimeFromFlags } from "./options/runtime.ts";
import { sourceDateEpoch } from "./options/source-date-epoch.ts";

/** Flags that change the image without being the producer's business. Where it goes and how it is called does not. */
export interface ImageFlags extends RuntimeFlags, PathFlags {
  readonly annotation?: readonly string[];
  readonly sourceDateEpoch?: string;
  readonly compression?: Layer["compression"];
  readonly compressor?: "node" | "portable";
  readonly layers?: number;
  readonly keepLayers?: boolean;
}

/** The same, checked. */
export interface ImageSettings {
  readonly runtime: RuntimeConfig;
  readonly annotations: Readonly<Record<string, string>>;
  readonly paths: PathRules;
  /** Seconds since 1970, when it was given. */
  readonly epoch: number | undefined;
}

/** @throws BaseKitError `OPTION_INVALID` (usage) */
export function imageSettings(flags: ImageFlags, env: Context["env"]): ImageSettings {
  return {
    runtime: runtimeFromFlags(flags, env),
    annotations: harmlessPairs("annotation", flags.annotation ?? []),
    paths: pathRules(flags),
    epoch: sourceDateEpoch(flags.sourceDateEpoch, env),
  };
}

/** Those with one value, and those that may be repeated: what a lock keeps of a build, under the names of its flags. */
const SINGLE = ["cmd", "entrypoint", "user", "workdir", "stopSignal", "sourceDateEpoch"] as const;
const REPEATED = ["env", "expose", "volume", "label", "annotation", "pathExclude", "pathInclude"] as const;

const ABOUT_LAYERS = ["compression", "compressor", "layers", "keepLayers"] as const;

/** What a lock file keeps of an image. Flags stand as they were given: a value that came from the environment is not in it. */
export function builtImage(image: Image, flags: ImageFlags, { epoch }: Pick<ImageSettings, "epoch">): BuiltImage {
  const compressor = compressorOf(image);
  const given = [...SINGLE, ...REPEATED].filter((name) => flags[name] !== undefined);
  return {
    manifest: image.manifest.digest,
    config: image.config.digest,
    diffIds: image.layers.map(({ diffId }) => diffId),
    ...(compressor === undefined ? {} : { compressor }),
    settings: {
      ...Object.fromEntries(given.map((name) => [name, flags[name]])),
      ...(epoch === undefined ? {} : { sourceDateEpoch: String(epoch) }),
      compression: image.layers[0]?.compression ?? "none",
      ...(flags.compressor === undefined ? {} : { compressor: flags.compressor }),
      ...(flags.layers === undefined ? {} : { layers: flags.layers }),
      ...(flags.keepLayers === undefined ? {} : { keepLayers: flags.keepLayers }),
    },
  };
}

/** Who compressed the layers, by their ids; undefined when nobody is known to have. */
export function compressorOf({ layers }: Image): string | undefined {
  const all = [...new Set(layers.flatMap(({ compressor }) => compressor ?? []))];
  return all.length === 0 ? undefined : all.join(" ");
}

/**
 * The flags that a lock file keeps, checked as strictly as the rest of it.
 *
 * @throws BaseKitError `DOCUMENT_INVALID` (unsupported)
 */
export function recordedFlags({ settings }: BuiltImage): ImageFlags {
  const part: JsonPart = { value: settings, what: "the settings in the lock" };
  const read = <T>(names: readonly string[], reader: (value: JsonPart) => T) =>
    names.flatMap((name) => {
      const found = member(part, name);
      return found === undefined ? [] : [[name, reader(found)] as const];
    });
  const strange = Object.keys(settings).find(
    (name) => ![...SINGLE, ...REPEATED, ...ABOUT_LAYERS].includes(name as never),
  );
  if (strange !== undefined) throw malformed({ ...part, value: strange }, "settings that this base-kit knows");
  return Object.fromEntries([
    ...read(SINGLE, asText),
    ...read(REPEATED, (value) => asTexts(value)),
    ...read(["compression"], (value) => oneOf(value, ["none", "gzip", "zstd"])),
    ...read(["compressor"], (value) => oneOf(value, ["node", "portable"])),
    ...read(["layers"], asCount),
    ...read(["keepLayers"], asTrue),
  ]);
}

function asTrue(part: JsonPart): true {
  if (part.value === true) return true;
  throw malformed(part, "true");
}

function oneOf(part: JsonPart, known: readonly string[]): string {
  const text = asText(part);
  if (known.includes(text)) return text;
  throw malformed(part, known.join(" or "));
}
