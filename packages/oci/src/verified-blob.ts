import { createHash } from "node:crypto";
import { BaseKitError, type Blob, JSON_AT_MOST, printable } from "@base-kit/core";

/** The same blob, whose bytes end in an error when they are not those its digest and size promise. */
export function verifiedBlob(blob: Blob, from: string): Blob {
  return { ...blob, open: () => verified(blob, from) };
}

/** All bytes of a document, checked; `what` and `from` are for messages. */
export async function readDocument(blob: Blob, what: string, from: string): Promise<Buffer> {
  if (blob.size > JSON_AT_MOST) {
    throw mismatch(`${what} in ${printable(from)}`, `at most ${JSON_AT_MOST} bytes`, `${blob.size}`);
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of verified(blob, from)) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* verified(blob: Blob, from: string): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of blob.open()) {
    hash.update(chunk);
    size += chunk.length;
    if (size > blob.size) break;
    yield chunk;
  }
  const what = `the blob ${blob.digest} of ${printable(from)}`;
  if (size !== blob.size) throw mismatch(what, `${blob.size} bytes`, size > blob.size ? "more" : String(size));
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== blob.digest) throw mismatch(what, "that digest", found);
}

function mismatch(what: string, expected: string, found: string): BaseKitError {
  return new BaseKitError("BLOB_MISMATCH", `${what} is not what it should be: expected ${expected}, found ${found}`, {
    kind: "verification",
    hint: "It is damaged, or somebody has changed it. Nothing of it was used.",
  });
}
