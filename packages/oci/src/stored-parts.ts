import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import type { Context, Layer, ReadOptions } from "@base-kit/core";
import { lentPieces } from "@base-kit/tar";
import type { KeptMember } from "./member-cache.ts";

/** The parts one after the other, when all of them are in the store. */
export async function partsIn(
  store: Context["store"],
  parts: readonly KeptMember[],
): Promise<Layer["open"] | undefined> {
  const paths: string[] = [];
  for (let at = 0; at < parts.length; at += LOOKED_UP) {
    const some = parts.slice(at, at + LOOKED_UP).map(({ digest }) => store.get(digest));
    for (const path of await Promise.all(some)) {
      if (path === undefined) return undefined;
      paths.push(path);
    }
  }
  return (options) => contentsOf(paths, parts, options);
}

/** Members that are read and hashed at once; each is in memory as a whole. */
const LOOKED_UP = 16;

/** As much is read and handed on at once. A larger member is read piece by piece; smaller ones share the room. */
const ROOM = 1024 ** 2;

/** Small files are read while nothing else could be done in the time it takes to wait for them. */
export async function* contentsOf(
  paths: readonly string[],
  members: readonly KeptMember[],
  { lent = false }: ReadOptions = {},
): AsyncGenerator<Buffer, void, void> {
  let room = NONE;
  let used = 0;
  let left = members.reduce((sum, { size }) => sum + size, 0);
  for (const [at, path] of paths.entries()) {
    const { size } = members[at] as KeptMember;
    if (used > 0 && used + size > room.length) {
      yield room.subarray(0, used);
      used = 0;
      room = NONE;
    }
    if (size > ROOM) yield* lent ? lentBytes(path) : createReadStream(path, { highWaterMark: ROOM });
    else {
      if (room === NONE) room = Buffer.allocUnsafeSlow(Math.min(ROOM, left));
      used += readInto(room, { path, at: used, size });
    }
    left -= size;
  }
  if (used > 0) yield room.subarray(0, used);
}

const NONE: Buffer = Buffer.alloc(0);

function* lentBytes(path: string): Generator<Buffer, void, void> {
  const file = openSync(path, "r");
  try {
    yield* lentPieces(file);
  } finally {
    closeSync(file);
  }
}

/** Gives how many bytes there are; fewer than `size` when the file was cut, which whoever takes them finds out by their digest. */
function readInto(
  room: Buffer,
  { path, at, size }: { readonly path: string; readonly at: number; readonly size: number },
): number {
  const file = openSync(path, "r");
  try {
    let done = 0;
    for (let read = -1; read !== 0 && done < size; done += read) {
      read = readSync(file, room, at + done, size - done, null);
    }
    return done;
  } finally {
    closeSync(file);
  }
}
