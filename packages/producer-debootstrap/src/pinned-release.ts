import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError } from "@base-kit/core";
import { putFile } from "./put-file.ts";

const LISTS = "var/lib/apt/lists";

/**
 * Puts the verified Release where debootstrap keeps the one it downloads. debootstrap takes a file that is already there
 * instead of asking the mirror, so all it installs follows from bytes that were verified by our rules, not by its own:
 * it would accept an expired or revoked key, and a mirror could show us one Release and debootstrap another.
 * `requireUsedRelease` makes sure afterwards, in case a later debootstrap stops doing so.
 */
export async function pinRelease(target: string, { mirror, suite, inRelease }: PinnedRelease): Promise<void> {
  await putFile(target, `${LISTS}/${listName(mirror, suite)}`, inRelease);
}

export interface PinnedRelease {
  readonly mirror: string;
  readonly suite: string;
  readonly inRelease: Uint8Array;
}

/** @throws BaseKitError `RELEASE_NOT_USED` (verification) */
export async function requireUsedRelease(target: string, { mirror, suite, inRelease }: PinnedRelease): Promise<void> {
  const used = await readFile(join(target, LISTS, listName(mirror, suite))).catch(() => Buffer.alloc(0));
  if (used.equals(inRelease)) return;
  throw new BaseKitError(
    "RELEASE_NOT_USED",
    `debootstrap did not use the Release of ${suite} that was verified (sha256 ${sha256(inRelease)}), but another (${sha256(used)})`,
    { kind: "verification", hint: "The mirror changed while it was used; run again. What was built is thrown away." },
  );
}

/** apt's and debootstrap's name for it: the URL without its scheme, `_` for `/`. */
function listName(mirror: string, suite: string): string {
  return `${mirror}/dists/${suite}/InRelease`.replace(/^[^:]+:\/\//, "").replaceAll("/", "_");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
