import { pipeline } from "node:stream/promises";
import { BaseKitError, printable } from "@base-kit/core";
import { extract } from "tar-stream";
import { blobPath } from "./hybrid-archive.ts";
import type { StoredNode } from "./read-images.ts";
import { onlyImage, storedBlobs } from "./stored-images.ts";

/**
 * Looks at an archive with another tar reader than the one its writer was made with, while it is written: a mistake both of ours
 * share would otherwise go unseen. Only names and sizes; the contents are `validateImage`'s. `file` is for messages.
 *
 * @throws BaseKitError `ARCHIVE_ENVELOPE` (verification)
 */
export async function checkEnvelope(chunks: AsyncIterable<Uint8Array>, node: StoredNode, file: string): Promise<void> {
  const found = new Map<string, number>();
  const reader = extract();
  const reading = pipeline(chunks, reader);
  // Awaited below; but when it fails, the loop does first.
  reading.catch(() => {});
  for await (const entry of reader) {
    found.set(entry.header.name, entry.header.size ?? 0);
    entry.resume();
  }
  await reading;
  const expected = storedBlobs(node).map((blob) => [blobPath(blob), blob.size] as const);
  for (const [name, size] of expected) {
    if (found.get(name) !== size) wrong(file, `${name} of ${size} bytes`, `${found.get(name) ?? "none"}`);
  }
  for (const name of ["oci-layout", "index.json", ...(onlyImage(node) === undefined ? [] : ["manifest.json"])]) {
    if (!found.has(name)) wrong(file, name, "none");
  }
}

function wrong(file: string, expected: string, found: string): never {
  throw new BaseKitError(
    "ARCHIVE_ENVELOPE",
    `the archive ${printable(file)} is not sound: expected ${expected}, found ${found}`,
    {
      kind: "verification",
      hint: "It was not put in place; what was there before is untouched. The disk or a bug is at fault: please report it.",
    },
  );
}
