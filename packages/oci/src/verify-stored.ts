import type { Context } from "@base-kit/core";
import type { StoredNode } from "./read-images.ts";
import { storedBlobs } from "./stored-images.ts";
import { verifiedBlob } from "./verified-blob.ts";

/**
 * Reads everything again and compares it with its digest and size. Not more: an image of another maker may have deletion marks and unsorted
 * layers, which `validateImages` refuses.
 *
 * @throws BaseKitError `BLOB_MISMATCH` (verification); the signal's reason when it is aborted
 */
export async function verifyStored(node: StoredNode, { signal }: Pick<Context, "signal">): Promise<void> {
  for (const blob of storedBlobs(node)) {
    for await (const _ of verifiedBlob(blob, "what was written").open()) signal.throwIfAborted();
  }
}
