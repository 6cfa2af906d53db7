import { type Reporter, systemErrorReason } from "@base-kit/core";
import { type FolderStore, pruneStore } from "@base-kit/store";
import { parseByteSize } from "./options/byte-size.ts";

const VARIABLE = "BASE_KIT_CACHE_SIZE";
/** Some dozen images with all their packages. */
const DEFAULT_SIZE = 10 * 1000 ** 3;
/** Looking at every file takes time: only after this part of the bound was added. */
const SWEEP_AFTER = 0.01;

/**
 * Bytes the cache is kept below.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function cacheSize(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[VARIABLE];
  return text === undefined || text === "" ? DEFAULT_SIZE : parseByteSize(VARIABLE, text);
}

/** Ends this process's use of the cache, and removes what was unused for longest when it has grown too large. */
export async function closeCache(
  store: FolderStore,
  { maxSize, reporter }: { readonly maxSize: number; readonly reporter: Reporter },
): Promise<void> {
  store.close();
  if (store.added() < maxSize * SWEEP_AFTER || store.added() === 0) return;
  try {
    await pruneStore(store.dir, { maxSize });
  } catch (error) {
    // The result is there; a cache that is too large is no reason to fail.
    const why = systemErrorReason(error);
    reporter.emit({ type: "warned", code: "CACHE_NOT_PRUNED", message: `the cache could not be made smaller: ${why}` });
  }
}
