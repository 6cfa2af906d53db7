import type { ByteString } from "./bytes.ts";

/** What a root filesystem holds at one path. Sockets are not here: no archive format keeps them. */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry | HardlinkEntry | DeviceEntry | FifoEntry;

interface Metadata {
  /** Exact bytes, relative to the root: no leading `/` or `./`, no trailing `/`; the root directory itself is the empty string. */
  readonly path: ByteString;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** 0 to 2^31 - 1. */
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970; may be negative or beyond 2038. Never a `Date`, which loses large values. */
  readonly mtime: number;
  /** Extended attributes with their exact bytes, such as `security.capability`. */
  readonly xattrs?: ReadonlyMap<ByteString, Uint8Array>;
}

export interface FileEntry extends Metadata {
  readonly type: "file";
  /** Bytes. */
  readonly size: number;
  /** The bytes from the start; may be called more than once, each time giving the same `size` bytes. */
  content(options?: ReadOptions): Content;
}

export interface ReadOptions {
  /** Whoever gives the bytes may use the memory of a chunk again as soon as the next but one is asked for. @default a chunk is the taker's to keep */
  readonly lent?: boolean;
}

export interface DirectoryEntry extends Metadata {
  readonly type: "directory";
}

export interface SymlinkEntry extends Metadata {
  readonly type: "symlink";
  /** The exact bytes readlink(2) gives; may be absolute, may lead nowhere. */
  readonly target: ByteString;
}

/** A second name of a file: `target` is the path, in the form of `path`, of an entry that comes before it. */
export interface HardlinkEntry extends Metadata {
  readonly type: "hardlink";
  readonly target: ByteString;
}

export interface DeviceEntry extends Metadata {
  readonly type: "character-device" | "block-device";
  readonly major: number;
  readonly minor: number;
}

export interface FifoEntry extends Metadata {
  readonly type: "fifo";
}

/** Chunks of a file. Synchronous where the bytes are at hand: a promise per small file costs more than reading it. */
export type Content = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
