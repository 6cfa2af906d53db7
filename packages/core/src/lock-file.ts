import type { Digest } from "./image.ts";
import type { Lock } from "./lock.ts";
import type { LockRequest } from "./lock-request.ts";

/** `base-kit.lock`. */
export interface LockFile {
  readonly request: LockRequest;
  /** One per platform, sorted by its name. */
  readonly platforms: readonly LockedPlatform[];
}

export interface LockedPlatform {
  readonly lock: Lock;
  /** What was built of it last. */
  readonly built?: BuiltImage;
}

/** An image, and all that decided its bytes besides the lock: enough to make it again and compare. */
export interface BuiltImage {
  readonly manifest: Digest;
  readonly config: Digest;
  readonly diffIds: readonly Digest[];
  /** Who compressed the layers; the same tar gives other bytes with another one. Absent when they are not compressed. */
  readonly compressor?: string;
  /** Settings by the names of the command line's flags. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What `lockfileVersion` is. */
export const LOCK_FILE_FORMAT = 1;
