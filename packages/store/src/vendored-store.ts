import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { BaseKitError, type Digest, printable, type Reporter, type Store, systemErrorCode } from "@base-kit/core";
import { contentPath } from "./store-layout.ts";

/**
 * A store that also finds what lies in a folder of copied inputs, which is only read: it may be under version control, on a
 * medium that cannot be written to, or somebody else's.
 *
 * @throws BaseKitError `VENDOR_MISSING` (usage) when there is no such folder
 */
export async function vendoredStore(
  store: Store,
  dir: string,
  { reporter }: { readonly reporter: Reporter },
): Promise<Store> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new BaseKitError("VENDOR_MISSING", `there is no folder of copied inputs at ${printable(dir)}`, {
      kind: "usage",
      hint: "`base-kit lock … --vendor DIRECTORY` makes one. Nothing was fetched.",
    });
  }
  return {
    ...store,
    get: async (digest) => {
      const path = contentPath(dir, digest);
      const actual = await digestOf(path);
      if (actual === digest) return path;
      if (actual !== undefined) {
        const message = `${printable(path)} is not what its name says and is not used`;
        reporter.emit({ type: "warned", code: "VENDOR_DAMAGED", message });
      }
      return store.get(digest);
    },
  };
}

async function digestOf(path: string): Promise<Digest | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) hash.update(chunk);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    // Named by its path, as a damaged one is.
    return `sha256:${systemErrorCode(error) ?? "unreadable"}`;
  }
  return `sha256:${hash.digest("hex")}`;
}
