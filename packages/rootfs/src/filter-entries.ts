import type { ByteString, Entry, FileEntry } from "@base-kit/core";

/**
 * The entries that `keep` says yes to. When the file that hard links share goes, the first link that stays becomes the file.
 */
export function* filterEntries(
  entries: Iterable<Entry>,
  keep: (entry: Entry) => boolean,
): Generator<Entry, void, void> {
  const dropped = new Map<ByteString, Exclude<Entry, { type: "hardlink" }>>();
  const heirs = new Map<ByteString, ByteString>();
  for (const entry of entries) {
    if (entry.type !== "hardlink") {
      if (keep(entry)) yield entry;
      else if (entry.type === "file") dropped.set(entry.path, entry);
      continue;
    }
    const original = dropped.get(entry.target);
    if (original === undefined) {
      if (keep(entry)) yield entry;
      // A link to what stays can be the target of a later link, too.
      else heirs.set(entry.path, entry.target);
      continue;
    }
    if (!keep(entry)) continue;
    const heir = heirs.get(entry.target);
    if (heir === undefined) {
      heirs.set(entry.target, entry.path);
      yield { ...(original as FileEntry), path: entry.path };
    } else {
      yield { ...entry, target: heir };
    }
  }
}
