import type { ReadOptions } from "./entry.ts";
import type { Platform } from "./platform.ts";

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

/** Bytes named by their digest, as in the OCI content descriptor. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The bytes from the start; may be called more than once. */
  open(options?: ReadOptions): AsyncIterable<Uint8Array>;
}

export interface Layer extends Blob {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly compression: "none" | "gzip" | "zstd";
  /** Implementation, version and level that made it: the same tar gives the same bytes under the same id. Absent when not known. */
  readonly compressor?: string;
  /** Taken over from another image as it is: it may delete what is below it, and have its entries in any order. */
  readonly kept?: boolean;
}

/** How a container is started, in the words of `docker run` and the Dockerfile. */
export interface RuntimeConfig {
  /** `NAME=value` by name; later wins. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  /** `80/tcp`. */
  readonly expose?: readonly string[];
  readonly volumes?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
  readonly healthcheck?: Healthcheck;
  /** What runs the `RUN`, `CMD` and `ENTRYPOINT` lines of a Dockerfile that are not lists. */
  readonly shell?: readonly string[];
  /** Lines of a Dockerfile that run where an image is built on this one. */
  readonly onBuild?: readonly string[];
}

/** How an engine finds out whether a container works: Docker's `HEALTHCHECK`. Times in nanoseconds, as Docker keeps them. */
export interface Healthcheck {
  /** `["CMD", …]`, `["CMD-SHELL", line]`, `["NONE"]`; empty for the check of the image below. */
  readonly test?: readonly string[];
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

/** A step of making an image, for `docker history`: OCI image configuration, "history". */
export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string;
  readonly createdBy?: string;
  readonly author?: string;
  readonly comment?: string;
  /** It made no layer. @default false */
  readonly emptyLayer?: boolean;
}

/** One image for one platform, ready to be written somewhere. */
export interface Image {
  readonly platform: Platform;
  /** Media type `application/vnd.oci.image.config.v1+json`; its digest is the image id. */
  readonly config: Blob;
  /** Media type `application/vnd.oci.image.manifest.v1+json`. */
  readonly manifest: Blob;
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** Those in `manifest`. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The settings inside `config`, for those who cannot take the config itself (`docker import`). */
  readonly runtime: RuntimeConfig;
}
