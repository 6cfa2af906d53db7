import { type Digest, formatPlatform, printable, type SinkResult } from "@base-kit/core";
import { idOf } from "@base-kit/oci";
import type { Delivered } from "./deliver.ts";
import { formatBytes } from "./render/format.ts";
import { STANDARD_OUTPUT } from "./standard-output.ts";

/** What a command that makes an image answers, as `--json` prints it. */
export interface ImageResult {
  readonly references: readonly string[];
  /** The image's, as the first output has it; where only its layer was written, the layer's. */
  readonly id: Digest;
  /** Bytes, as the same output counts them. */
  readonly size: number;
  /** `linux/amd64`; of several, separated by commas. */
  readonly platform: string;
  readonly created: number;
  /** Of the first image. */
  readonly diffIds: readonly Digest[];
  readonly images: readonly PlatformImage[];
  readonly outputs: readonly (SinkResult & { readonly to: string })[];
  /** Lists of its packages: the files. */
  readonly sboms: readonly string[];
  /** A command to try the image with, as a shell takes it. */
  readonly run: string;
}

export interface PlatformImage {
  readonly platform: string;
  readonly config: Digest;
  readonly manifest: Digest;
  readonly diffIds: readonly Digest[];
}

export function imageResult({ images, outputs, sboms }: Delivered, created: number, run: string): ImageResult {
  // A tar of the layer has a digest, but only an image has the image's id.
  const first = outputs.find(({ to }) => !/^(?:tar|rootfs):/.test(to)) ?? outputs[0];
  return {
    references: outputs.flatMap(({ references }) => references),
    id: first?.id ?? idOf(images),
    size: first?.size ?? 0,
    platform: images.map(({ platform }) => formatPlatform(platform)).join(", "),
    created,
    diffIds: images[0]?.layers.map(({ diffId }) => diffId) ?? [],
    images: images.map(({ platform, config, manifest, layers }) => ({
      platform: formatPlatform(platform),
      config: config.digest,
      manifest: manifest.digest,
      diffIds: layers.map(({ diffId }) => diffId),
    })),
    outputs,
    sboms,
    run,
  };
}

/** The same for people: name, id, size, and what to type next; nothing where the image itself, or its list of packages, has standard output. */
export function renderImageResult({ references, id, size, platform, sboms, run }: ImageResult): string {
  if ([...references, ...sboms].includes(STANDARD_OUTPUT)) return "";
  const rows = [
    ...references.map((reference, index) => [index === 0 ? "image" : "", printable(reference)]),
    ["id", id],
    ["size", `${formatBytes(size)}, ${platform}`],
    ["try", run],
  ];
  return rows.map(([name, value]) => `${(name ?? "").padEnd(6)}${value}\n`).join("");
}
