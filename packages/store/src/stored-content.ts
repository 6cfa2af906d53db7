import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, lstatSync, openSync, readSync, utimesSync } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { BaseKitError, type Digest } from "@base-kit/core";
import { SMALL } from "./small-file.ts";

/** Files that this process has hashed, and what lstat(2) said of them then. */
export type Hashed = Map<string, string>;

/**
 * Whether a file has the content its name says; a damaged one is removed. What this process has hashed is hashed again only when
 * it was touched since.
 */
export async function checkContent(
  path: string,
  digest: Digest,
  { hashed, since }: { readonly hashed: Hashed; readonly since: number },
): Promise<"whole" | "damaged" | "missing"> {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return "missing";
  const before = markUsed(path, { found, since }) ?? found;
  if (hashed.get(path) === signature(before)) return "whole";
  // What cannot be read is no better than what is damaged.
  if ((await digestOf(path).catch(() => undefined)) === digest) {
    hashed.set(path, signature(before));
    return "whole";
  }
  const now = await lstat(path, { bigint: true }).catch(() => undefined);
  // Unless another process has put the right file there meanwhile.
  if (now?.ino === before.ino) await rm(path, { recursive: true, force: true }).catch(() => {});
  return "damaged";
}

/**
 * Sets the time of last use, which decides what goes first when the store is too large; once per hour is often enough. Gives
 * what lstat says afterwards, or undefined when nothing was changed.
 */
function markUsed(
  path: string,
  { found, since }: { readonly found: BigIntStats; readonly since: number },
): BigIntStats | undefined {
  if (Number(found.mtimeMs) >= since || !found.isFile()) return undefined;
  try {
    utimesSync(path, new Date(), new Date());
    return lstatSync(path, { bigint: true });
  } catch {
    // Somebody else's store can be read too.
    return undefined;
  }
}

/** ctime cannot be set by anyone: who changes the content without a trace has the disk. */
function signature({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** So many pieces are hashed before others get their turn. */
const PIECES = 8;
/** Fresh memory for each piece costs more than reading it, and waiting for it more still. */
let scratch: Buffer | undefined;

async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  scratch ??= Buffer.allocUnsafeSlow(SMALL);
  const file = openSync(path, "r");
  try {
    for (let piece = 1; ; piece++) {
      const read = readSync(file, scratch);
      if (read === 0) break;
      hash.update(scratch.subarray(0, read));
      if (piece % PIECES === 0) await setImmediate();
    }
  } finally {
    closeSync(file);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** The bytes, with an error in place of a wrong end. */
export async function* verified(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: { readonly digest: Digest; readonly size?: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let found = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    found += chunk.length;
    if (size !== undefined && found > size) throw mismatch(`expected ${size} bytes, found more`);
    yield chunk;
  }
  if (size !== undefined && found !== size) throw mismatch(`expected ${size} bytes, found ${found}`);
  const actual = hash.digest("hex");
  if (digest !== `sha256:${actual}`) throw mismatch(`expected ${digest}, found sha256:${actual}`);
}

function mismatch(what: string): BaseKitError {
  return new BaseKitError("STORE_MISMATCH", `the content is not what it should be: ${what}`, {
    kind: "verification",
    hint: "Nothing of it was kept.",
  });
}
