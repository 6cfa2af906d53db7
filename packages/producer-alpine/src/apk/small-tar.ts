import { type ByteString, bytesFromText } from "@base-kit/core";
import { TarReader } from "@base-kit/tar";

/** The files of a tar that is at hand, by name, in their order. For signatures, control members and indexes. */
export function filesOf(tar: Buffer, name: string): ReadonlyMap<ByteString, Buffer> {
  const files = new Map<ByteString, Buffer>();
  let path = bytesFromText("");
  let parts: Buffer[] = [];
  const keep = () => {
    if (path !== "") files.set(path, parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
  };
  const reader = new TarReader({
    name,
    onEntry: (entry) => {
      keep();
      path = entry.type === "file" ? entry.path : bytesFromText("");
      parts = [];
    },
    onContent: (bytes) => void parts.push(Buffer.from(bytes)),
  });
  reader.push(tar);
  // All members but the last of a signed archive are tars without an end, so that they make one tar together.
  reader.push(END_OF_ARCHIVE);
  reader.end();
  keep();
  return files;
}

const END_OF_ARCHIVE = Buffer.alloc(1024);
