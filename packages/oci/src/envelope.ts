import { once } from "node:events";
import { BaseKitError, printable } from "@base-kit/core";
import { extract } from "tar-stream";
import { blobPath } from "./hybrid-archive.ts";
import type { StoredNode } from "./read-images.ts";
import { onlyImage, storedBlobs } from "./stored-images.ts";

/**
 * Passes an archive on and looks at it with another tar reader than the one its writer was made with: a mistake both of ours share
 * would otherwise go unseen. Only names and sizes; the contents are `validateImage`'s. The chunks may be lent. `file` is for messages.
 *
 * @throws BaseKitError `ARCHIVE_ENVELOPE` (verification)
 */
export async function* checkedEnvelope(
  chunks: AsyncIterable<Uint8Array>,
  node: StoredNode,
  file: string,
): AsyncGenerator<Uint8Array, void, void> {
  const found = new Map<string, number>();
  let failure: Error | undefined;
  const reader = extract();
  reader.on("error", (error) => {
    failure = error;
  });
  reader.on("entry", ({ name, size }, content, next) => {
    found.set(name, size ?? 0);
    content.on("end", next);
    // It ends with the reader, which tells why.
    content.on("error", () => {});
    content.resume();
  });
  const ended = settled(once(reader, "finish"));
  try {
    for await (const chunk of chunks) {
      const end = Math.max(0, chunk.length - KEPT);
      for (const part of [chunk.subarray(0, end), Buffer.from(chunk.subarray(end))]) {
        if (failure === undefined && part.length > 0 && !reader.write(part)) await settled(once(reader, "drain"));
      }
      if (failure !== undefined) break;
      yield chunk;
    }
    reader.end(undefined);
    await ended;
    if (failure !== undefined) wrong(file, "a tar", failure.message);
  } finally {
    reader.destroy(new Error("the archive was not written to its end"));
  }
  const expected = storedBlobs(node).map((blob) => [blobPath(blob), blob.size] as const);
  for (const [name, size] of expected) {
    if (found.get(name) !== size) wrong(file, `${name} of ${size} bytes`, `${found.get(name) ?? "none"}`);
  }
  for (const name of ["oci-layout", "index.json", ...(onlyImage(node) === undefined ? [] : ["manifest.json"])]) {
    if (!found.has(name)) wrong(file, name, "none");
  }
}

/** What fails is told by its event. */
function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch(() => {});
}

/** Bytes at the end of a chunk that the reader may still hold when the next one comes: a header, and the pax record before it. */
const KEPT = 4096;

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
