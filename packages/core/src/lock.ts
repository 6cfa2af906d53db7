import type { Platform } from "./platform.ts";

/** The exact inputs of a build: what `resolve` decided and what everything after it is a function of. Plain JSON. */
export interface Lock {
  readonly lockVersion: 1;
  readonly producer: string;
  /** What the user asked for: `3.20`, `bookworm`. */
  readonly release: string;
  readonly platform: Platform;
  /** Seconds since 1970: no file in the image is newer. */
  readonly sourceDateEpoch: number;
  readonly inputs: readonly LockedInput[];
  /** The producer's checked options, defaults filled in; and, under names of no option, what else it decided. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A file that was (or will be) fetched, and why it is trusted. */
export interface LockedInput {
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  /** Bytes. */
  readonly size?: number;
  readonly sha256?: string;
  readonly sha512?: string;
  /** Fingerprint of the signing key, or the checksum file it was compared with. */
  readonly verifiedBy?: string;
  /**
   * What the producer has to know of this input beyond its bytes, in its own words: version, section, priority. The `date` of a signed
   * index, as in ISO 8601, is compared with that of the same name in an earlier lock: an older one is refused.
   */
  readonly facts?: Readonly<Record<string, string>>;
}
