import type { ByteString } from "./bytes.ts";
import type { Entry } from "./entry.ts";
import type { Digest, HistoryEntry, Layer, RuntimeConfig } from "./image.ts";
import type { Platform } from "./platform.ts";

/** The entries that one package brought, or everything that has no package. */
export interface Segment {
  /** A digest of everything that determines this segment's bytes; equal keys mean equal entries. */
  readonly key: string;
  /** Name of the package, or `base` for all that is not known to belong to one. */
  readonly origin: string;
  /** The entries, parents before children; may be asked for more than once. */
  entries(): Iterable<Entry>;
  /** The same entries as a deterministic tar, where it is at hand: a layer of nothing else need not be written again. */
  readonly archive?: SegmentArchive;
  /** Answers about them for which not all of them have to be made, where they are known to be a tree by themselves. */
  readonly tree?: SegmentTree;
  /** The layers of an image that hold just these entries when they are laid over each other: another image can keep them. */
  readonly layers?: readonly Layer[];
}

/**
 * An uncompressed tar on disk that holds just the segment's entries, as a layer may: mostly byte for byte what `writeTar` of
 * @base-kit/tar makes of them. Whoever gives one has read it to its end: as a tar, and for its digest.
 */
export interface SegmentArchive {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/**
 * Entries that merging leaves as they are: the root first, every path once, in the order of a deterministic archive, each in a
 * directory that is listed, hard links to files that come before them and with their metadata, no deletion marks.
 */
export interface SegmentTree {
  /** How many they are. */
  readonly count: number;
  /** Bytes of the files among them, together. */
  readonly size: number;
  /** Seconds since 1970, of the newest. */
  readonly newest: number;
  /** The one at just this path; no link is followed. */
  find(path: ByteString): Entry | undefined;
}

/** A package of the distribution, as its database has it. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** In the distribution's own spelling: `all`, `amd64`, `x86_64`, `noarch`. */
  readonly architecture: string;
  /** Source package, where it has another name. */
  readonly source?: string;
  readonly licence?: string;
  /** Hex digest of the package file it came from, where that was seen. */
  readonly sha256?: string;
}

/** What a producer brings: a whole root filesystem that nothing has been done to yet. */
export interface Rootfs {
  readonly platform: Platform;
  /** Keys and values of os-release(5), such as `PRETTY_NAME`; empty when there is none. */
  readonly osRelease: Readonly<Record<string, string>>;
  readonly packages: readonly InstalledPackage[];
  readonly segments: readonly Segment[];
  /** How this root filesystem is meant to be run, unless the user says otherwise. */
  readonly runtime: RuntimeConfig;
  /** How the image that it is the root filesystem of was made, the oldest step first. @default unknown */
  readonly history?: readonly HistoryEntry[];
}
