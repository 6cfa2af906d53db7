import type { Context, Digest } from "@base-kit/core";
import type { Engine } from "./engine.ts";
import type { Limits } from "./limits.ts";

/** What both importers can do; everything else is built on it. */
export interface EngineClient {
  /** An image by id or name; undefined when the engine has none. */
  inspect(name: string, options?: InspectOptions): Promise<EngineImage | undefined>;
  /** Takes in an archive; resolves when the engine has said that it did. */
  load(archive: AsyncIterable<Uint8Array>, hear: Listener): Promise<void>;
  /** Makes an image of one uncompressed layer and gives its id. */
  importLayer(tar: AsyncIterable<Uint8Array>, options: ImportLayerOptions): Promise<Digest>;
  /** Names an image. */
  tag(id: Digest, name: RepositoryTag): Promise<void>;
  close(): void;
}

export interface InspectOptions {
  /** For hints. @default No name was set or moved. */
  readonly untouched?: string;
}

/** Hears what the engine is doing, in its words. */
export type Listener = (words: string) => void;

export interface ImportLayerOptions {
  /** `linux/amd64`. @default that of the engine */
  readonly platform?: string;
  /** Lines of a Dockerfile. */
  readonly changes: readonly string[];
  readonly hear: Listener;
}

export interface RepositoryTag {
  /** With registry. */
  readonly repository: string;
  readonly tag: string;
}

/** As far as anything here depends on it. */
export interface EngineImage {
  readonly id: Digest;
  readonly architecture: string;
  /** Bytes, as the engine counts them. */
  readonly size: number;
  readonly names: readonly string[];
  readonly diffIds: readonly string[];
  /** `Config`: Env, Cmd, … */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface ClientOptions {
  readonly context: Context;
  readonly limits: Limits;
}

export type OpenClient = (engine: Engine, options: ClientOptions) => Promise<EngineClient>;

/** The answer of `GET /images/{name}/json`; undefined when it is something else. */
export function readEngineImage(answer: unknown): EngineImage | undefined {
  if (!isRecord(answer)) return undefined;
  const { Id: id, Architecture: architecture, Size: size, RepoTags: names, RootFS: rootfs, Config: config } = answer;
  // Podman leaves the prefix out in places.
  const digest = asDigest(id);
  if (digest === undefined || typeof size !== "number" || !isRecord(rootfs)) return undefined;
  return {
    id: digest,
    architecture: typeof architecture === "string" ? architecture : "",
    size,
    names: strings(names),
    diffIds: strings(rootfs["Layers"]),
    config: isRecord(config) ? config : {},
  };
}

export function asDigest(id: unknown): Digest | undefined {
  const [, hex] = (typeof id === "string" && /^(?:sha256:)?([0-9a-f]{64})$/.exec(id)) || [];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
