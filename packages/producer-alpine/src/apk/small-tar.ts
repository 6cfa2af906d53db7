import { type ByteString, bytesFromText } from "@base-kit/core";
import { TarReader, type TarReaderOptions } from "@base-kit/tar";

/** The files of a tar that is at hand, by name, in their order. For signatures and control members. */
export function filesOf(tar: Buffer, name: string): ReadonlyMap<ByteString, Buffer> {
  const files = new Map<ByteString, Buffer>();
  let path = bytesFromText("");
  let parts: Buffer[] = [];
  const keep = () => {
    if (path !== "") files.set(path, parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
  };
  const reader = unendedTarReader({
    name,
    onEntry: (entry) => {
      keep();
      path = entry.type === "file" ? entry.path : bytesFromText("");
      parts = [];
    },
    onContent: (bytes) => void parts.push(Buffer.from(bytes)),
  });
  reader.push(tar);
  reader.end();
  keep();
  return files;
}

const END_OF_ARCHIVE = Buffer.alloc(1024);

/**
 * Reads a tar that may lack its end: all members but the last of a signed archive do, so that they make one tar together.
 *
 * @throws BaseKitError `TAR_…` (unsupported) from `push` and `end`, as `TarReader`
 */
export function unendedTarReader({ onEntry, onContent, name }: TarReaderOptions): Pick<TarReader, "push" | "end"> {
  let missing = 0;
  const reader = new TarReader({
    name,
    onEntry: (entry) => {
      missing = entry.size;
      onEntry(entry);
    },
    onContent: (bytes) => {
      missing -= bytes.length;
      onContent?.(bytes);
    },
  });
  return {
    push: (bytes) => reader.push(bytes),
    end: () => {
      // Or the zeros would be taken for the rest of a file that is cut off.
      if (missing === 0) reader.push(END_OF_ARCHIVE);
      reader.end();
    },
  };
}
