import type { Context } from "./context.ts";
import type { Digest, Image } from "./image.ts";
import type { ImageReference } from "./reference.ts";

/** Takes validated images somewhere: an engine, a file, a registry. */
export interface Sink {
  /** For messages: `docker-daemon via unix:///var/run/docker.sock`. */
  readonly name: string;
  /**
   * Takes one image per platform, all under the same names; at least one, and no platform twice. A sink that can hold only one
   * takes that of this machine.
   *
   * @throws BaseKitError `PLATFORM_NOT_AMONG` (unsupported) when it can hold only one and none is for this machine
   */
  write(images: readonly Image[], references: readonly ImageReference[], context: Context): Promise<SinkResult>;
  /**
   * Takes in a layer that is still being made, ahead of its image. A chunk holds its bytes until the next is asked for. Absent where
   * nothing is gained by that.
   */
  takeAhead?(layer: AsyncIterable<Uint8Array>, context: Context): SinkAhead;
}

/**
 * A sink that is given the image's only layer, uncompressed, before the image. Its `write` goes on from there when the image has
 * just that layer, and is that of the sink otherwise. Disposed, it keeps nothing but what was written.
 */
export interface SinkAhead extends Sink, AsyncDisposable {}

export interface SinkResult {
  /** What it can be found under: image names, a file, a registry reference. */
  readonly references: readonly string[];
  /** The id under which an engine keeps it; elsewhere the digest of the config for one image, of the image index for several. */
  readonly id: Digest;
  /** Bytes, as the taker counts them: unpacked in an engine, as written in a file. */
  readonly size: number;
}
