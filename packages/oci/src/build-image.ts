import type { Context, HistoryEntry, Image, Layer, Rootfs, RuntimeConfig } from "@base-kit/core";
import { descriptor, jsonBlob } from "./blob.ts";
import { imageConfig } from "./config.ts";
import { type LayerOptions, writeLayers } from "./layer.ts";
import { COMPRESSOR_ANNOTATION, KEPT_ANNOTATION, MEDIA_TYPE } from "./media-types.ts";
import { refuseCredentials } from "./refuse-credentials.ts";
import { standardAnnotations } from "./standard-annotations.ts";

export interface BuildImageOptions extends LayerOptions {
  /** How containers start; over what the root filesystem suggests, setting by setting. */
  readonly runtime?: RuntimeConfig;
  /** Seconds since 1970. */
  readonly created: number;
  /** On the manifest, by OCI's names (`org.opencontainers.image.…`), beside and over those for time, title and version. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** What `docker history` shows, for each layer together with what the layer holds. @default `base-kit` */
  readonly createdBy?: string;
}

/** An image of all that the root filesystem holds. The same input gives the same bytes. */
export async function buildImage(rootfs: Rootfs, options: BuildImageOptions, context: Context): Promise<Image> {
  const { createdBy = "base-kit" } = options;
  const written = await writeLayers(rootfs, options, context);
  const layers = written.map(({ layer }) => layer);
  const runtime = mergeRuntime(rootfs.runtime, options.runtime);
  const own = written.map(({ title }) => ({ createdBy: title === "" ? createdBy : `${createdBy}: ${title}` }));
  const history = inheritedHistory(rootfs.history ?? [], layers, createdBy) ?? [...withoutLayers(rootfs), ...own];
  const annotations = { ...standardAnnotations(rootfs, options.created), ...options.annotations };
  return assembleImage({ ...rootfs, runtime }, layers, { ...options, annotations, history });
}

/** Layers that were taken over are told of as they were; what comes on top of them makes none. */
function inheritedHistory(
  history: readonly HistoryEntry[],
  layers: readonly Layer[],
  createdBy: string,
): readonly HistoryEntry[] | undefined {
  const steps = history.filter(({ emptyLayer }) => emptyLayer !== true);
  if (steps.length !== layers.length || !layers.every(({ kept }) => kept === true)) return undefined;
  return [...history, { createdBy, emptyLayer: true }];
}

/** Of layers that became others there is still to tell how they were made. */
function withoutLayers({ history = [] }: Rootfs): readonly HistoryEntry[] {
  return history.map((step) => ({ ...step, emptyLayer: true }));
}

export interface AssembleOptions extends Pick<BuildImageOptions, "created" | "annotations"> {
  /** What `docker history` shows. @default `base-kit` for each layer */
  readonly history?: readonly HistoryEntry[];
}

/**
 * Config and manifest around layers that are there already.
 *
 * @throws BaseKitError `IMAGE_CREDENTIALS` (usage)
 */
export function assembleImage(
  rootfs: Pick<Rootfs, "platform" | "runtime">,
  layers: readonly Layer[],
  options: AssembleOptions,
): Image {
  const { platform, runtime } = rootfs;
  const { created, annotations = {}, history = layers.map(() => ({ createdBy: "base-kit" })) } = options;
  refuseCredentials("label", runtime.labels ?? {});
  refuseCredentials("annotation", annotations);
  const diffIds = layers.map(({ diffId }) => diffId);
  const config = jsonBlob(MEDIA_TYPE.config, imageConfig({ platform, runtime, created, diffIds, history }));
  const manifest = jsonBlob(MEDIA_TYPE.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: descriptor(config),
    layers: layers.map(layerDescriptor),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  return { platform, config, manifest, layers, annotations, runtime };
}

/** Who made it is said of each layer: an image may have layers of several makers. */
function layerDescriptor(layer: Layer) {
  const { compressor, kept } = layer;
  const annotations = {
    ...(compressor === undefined ? {} : { [COMPRESSOR_ANNOTATION]: compressor }),
    ...(kept === true ? { [KEPT_ANNOTATION]: "true" } : {}),
  };
  return { ...descriptor(layer), ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
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
