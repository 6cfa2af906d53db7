import type { ByteString, Entry, HardlinkEntry } from "@base-kit/core";

/**
 * The entries that `keep` says yes to. When the file that hard links share goes, the first link that stays becomes the file.
 */
export function* filterEntries(
  entries: Iterable<Entry>,
  keep: (entry: Entry) => boolean,
): Generator<Entry, void, void> {
  /** What went, and may be needed by a link that stays. */
  const dropped = new Map<ByteString, Exclude<Entry, HardlinkEntry>>();
  /** The file behind each link: a link may be the target of another one. */
  const files = new Map<ByteString, ByteString>();
  /** The link that has become the file. */
  const heirs = new Map<ByteString, ByteString>();
  for (const entry of entries) {
    if (entry.type !== "hardlink") {
      if (keep(entry)) yield entry;
      else if (entry.type !== "directory") dropped.set(entry.path, entry);
      continue;
    }
    const file = files.get(entry.target) ?? entry.target;
    files.set(entry.path, file);
    if (!keep(entry)) continue;
    const original = dropped.get(file);
    const heir = heirs.get(file);
    if (original === undefined || heir !== undefined) {
      const target = heir ?? file;
      yield target === entry.target ? entry : { ...entry, target };
    } else {
      heirs.set(file, entry.path);
      yield { ...original, path: entry.path };
    }
  }
}
