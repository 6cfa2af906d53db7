import { bytesFromText, type DirectoryEntry, type FileEntry, type SymlinkEntry } from "@base-kit/core";

export interface EntryOptions {
  /** @default 0o644 for a file, 0o755 for a directory */
  readonly mode?: number;
  /** @default 0 */
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. @default 0 */
  readonly mtime?: number;
}

/** A file that was not on any disk. */
export function fileEntry(path: string, content: string | Uint8Array, options: EntryOptions = {}): FileEntry {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return { type: "file", ...metadata(path, 0o644, options), size: bytes.length, content: () => [bytes] };
}

export function directoryEntry(path: string, options: EntryOptions = {}): DirectoryEntry {
  return { type: "directory", ...metadata(path, 0o755, options) };
}

export function symlinkEntry(path: string, target: string, options: EntryOptions = {}): SymlinkEntry {
  return { type: "symlink", ...metadata(path, 0o777, options), target: bytesFromText(target) };
}

function metadata(path: string, mode: number, options: EntryOptions) {
  const { uid = 0, gid = 0, mtime = 0 } = options;
  return { path: bytesFromText(path), mode: options.mode ?? mode, uid, gid, mtime };
}
