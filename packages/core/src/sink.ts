import type { Context } from "./context.ts";
import type { Digest, Image } from "./image.ts";
import type { ImageReference } from "./reference.ts";

/** Takes a validated image somewhere: an engine, a file, a registry. */
export interface Sink {
  /** For messages: `docker-daemon via unix:///var/run/docker.sock`. */
  readonly name: string;
  write(image: Image, references: readonly ImageReference[], context: Context): Promise<SinkResult>;
}

export interface SinkResult {
  /** What it can be found under: image names, a file, a registry reference. */
  readonly references: readonly string[];
  /** The id under which the engine keeps it, or the digest of the config or manifest written. */
  readonly id: Digest;
  /** Bytes, as the taker counts them: unpacked in an engine, as written in a file. */
  readonly size: number;
}
