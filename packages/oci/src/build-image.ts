import type { Context, Image, Layer, Rootfs, RuntimeConfig } from "@base-kit/core";
import { descriptor, jsonBlob } from "./blob.ts";
import { imageConfig } from "./config.ts";
import { writeLayer } from "./layer.ts";
import { MEDIA_TYPE } from "./media-types.ts";

export interface BuildImageOptions {
  /** How containers start; over what the root filesystem suggests, setting by setting. */
  readonly runtime?: RuntimeConfig;
  /** Seconds since 1970. */
  readonly created: number;
  /** @default gzip */
  readonly compression?: "none" | "gzip";
  /** On the manifest, by OCI's names (`org.opencontainers.image.…`). */
  readonly annotations?: Readonly<Record<string, string>>;
  /** What `docker history` shows for the layer. @default `base-kit` */
  readonly createdBy?: string;
}

/** An image of one layer with all that the root filesystem holds. The same input gives the same bytes. */
export async function buildImage(rootfs: Rootfs, options: BuildImageOptions, context: Context): Promise<Image> {
  const layer = await writeLayer(rootfs, options, context);
  return assembleImage({ ...rootfs, runtime: mergeRuntime(rootfs.runtime, options.runtime) }, [layer], options);
}

/** Config and manifest around layers that are there already. */
export function assembleImage(
  rootfs: Pick<Rootfs, "platform" | "runtime">,
  layers: readonly Layer[],
  options: Pick<BuildImageOptions, "created" | "annotations" | "createdBy">,
): Image {
  const { platform, runtime } = rootfs;
  const { created, annotations = {}, createdBy = "base-kit" } = options;
  const diffIds = layers.map(({ diffId }) => diffId);
  const config = jsonBlob(MEDIA_TYPE.config, imageConfig({ platform, runtime, created, diffIds, createdBy }));
  const manifest = jsonBlob(MEDIA_TYPE.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  return { platform, config, manifest, layers, annotations, runtime };
}

/** Env and labels are added to each other by name; every other setting is replaced. As in a Dockerfile, a new entrypoint drops an inherited cmd. */
export function mergeRuntime(base: RuntimeConfig, over: RuntimeConfig = {}): RuntimeConfig {
  const inherited = over.entrypoint !== undefined && over.cmd === undefined ? { ...base, cmd: undefined } : base;
  const merged = {
    ...inherited,
    ...over,
    env: { ...base.env, ...over.env },
    labels: { ...base.labels, ...over.labels },
  };
  return Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== undefined && !isEmptyRecord(value)),
  ) as RuntimeConfig;
}

function isEmptyRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
