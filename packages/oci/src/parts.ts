import { createReadStream, readFileSync } from "node:fs";
import type { Context } from "@base-kit/core";
import type { KeptMember } from "./member-cache.ts";

/** The parts one after the other, when all of them are in the store. */
export async function partsIn(
  store: Context["store"],
  parts: readonly KeptMember[],
): Promise<(() => AsyncIterable<Uint8Array>) | undefined> {
  const paths: string[] = [];
  for (let at = 0; at < parts.length; at += LOOKED_UP) {
    const some = parts.slice(at, at + LOOKED_UP).map(({ digest }) => store.get(digest));
    for (const path of await Promise.all(some)) {
      if (path === undefined) return undefined;
      paths.push(path);
    }
  }
  return () => contentsOf(paths, parts);
}

/** Members that are read and hashed at once; each is in memory as a whole. */
const LOOKED_UP = 16;

/** A member larger than this is read piece by piece. */
const AT_ONCE = 1024 ** 2;

/** Small files are read while nothing else could be done in the time it takes to wait for them. */
export async function* contentsOf(
  paths: readonly string[],
  members: readonly KeptMember[],
): AsyncGenerator<Buffer, void, void> {
  for (const [at, path] of paths.entries()) {
    if ((members[at] as KeptMember).size > AT_ONCE) yield* createReadStream(path, { highWaterMark: AT_ONCE });
    else yield readFileSync(path);
  }
}
