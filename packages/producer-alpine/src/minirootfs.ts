import type { Release } from "./release.ts";

export interface Wanted {
  readonly release: Release;
  /** Alpine's name of it. */
  readonly architecture: string;
  readonly mirror: URL;
}

/** Where a mini root filesystem is, and all that has to be true of it. */
export interface Minirootfs {
  readonly version: string;
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly sha512: string;
  /** When it was made, in seconds since 1970. */
  readonly date: number;
  /** The file its checksums are from. */
  readonly verifiedBy: string;
}

/** The folder with the releases of a branch for one architecture. */
export function releasesFolder(branch: string, { architecture, mirror }: Wanted): URL {
  return new URL(`${branch}/releases/${architecture}/`, mirror);
}
