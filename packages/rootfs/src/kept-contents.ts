import { createHash, randomUUID } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Content, Context } from "@base-kit/core";

/** A place in an archive's unpacked data. */
export interface Stretch {
  readonly offset?: number;
  /** Bytes. */
  readonly size?: number;
}

/** Takes in the data that places in the facts refer to; each chunk is done with when the next is asked for. */
export type KeepData = (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<void>;

export interface KeptContents<Facts> {
  readonly facts: Facts;
  /** The bytes at a place. */
  content(stretch: Stretch): Content;
}

/**
 * What is known of an archive, remembered under a key that says everything it follows from, so that the archive need be unpacked again
 * only when bytes are asked for that nobody else has kept; then its data goes to the context's temporary directory.
 *
 * @param unpack hands the data over, all of it once, and gives the facts (plain JSON); throws for a bad archive
 */
export async function keptContents<Facts>(
  key: string,
  unpack: (keep: KeepData) => Promise<Facts>,
  context: Pick<Context, "store" | "tempDir">,
): Promise<KeptContents<Facts>> {
  const toDisk = async () => {
    const path = join(context.tempDir, `data-${createHash("sha256").update(key).digest("hex")}`);
    // Two builds of one context may do this at once, and one may be reading already.
    const temporary = `${path}-${randomUUID()}`;
    try {
      const facts = await unpack((chunks) => writeChunks(temporary, chunks));
      await rename(temporary, path);
      return { facts, path };
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };
  const kept = await context.store.recall(key);
  if (kept === undefined) {
    const { facts, path } = await toDisk();
    await context.store.remember(key, Buffer.from(JSON.stringify(facts)));
    return { facts, content: (stretch) => partOf(path, stretch) };
  }
  let unpacking: ReturnType<typeof toDisk> | undefined;
  return {
    facts: JSON.parse(kept.toString("utf8")) as Facts,
    content: async function* (stretch) {
      if ((stretch.size ?? 0) === 0) return;
      unpacking ??= toDisk();
      yield* partOf((await unpacking).path, stretch);
    },
  };
}

async function writeChunks(path: string, chunks: Parameters<KeepData>[0]): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  } finally {
    await file.close();
  }
}

const CHUNK = 1024 ** 2;

function* partOf(path: string, { offset = 0, size = 0 }: Stretch): Generator<Uint8Array, void, void> {
  if (size === 0) return;
  if (size <= SMALL) {
    yield fromWindow(path, offset, size);
    return;
  }
  const file = openSync(path, "r");
  try {
    for (let done = 0; done < size; ) {
      const chunk = readAt(file, { path, position: offset + done, size: Math.min(CHUNK, size - done) });
      done += chunk.length;
      yield chunk;
    }
  } finally {
    closeSync(file);
  }
}

/** Small files are asked for in nearly the order in which they lie in the archive: one reading serves many. */
const SMALL = 64 * 1024;
const WINDOW = 256 * 1024;
/** Several archives are read at once; all windows of a process together are a few MiB. */
const WINDOWS = 8;

interface Window {
  readonly path: string;
  readonly start: number;
  readonly bytes: Buffer;
}

/** The one used last comes last. */
const windows: Window[] = [];

function fromWindow(path: string, offset: number, size: number): Buffer {
  const at = windows.findLastIndex(
    (each) => each.path === path && each.start <= offset && offset + size <= each.start + each.bytes.length,
  );
  const window = at < 0 ? openWindow(path, offset, size) : (windows.splice(at, 1)[0] as Window);
  windows.push(window);
  if (windows.length > WINDOWS) windows.shift();
  return window.bytes.subarray(offset - window.start, offset - window.start + size);
}

function openWindow(path: string, start: number, atLeast: number): Window {
  const file = openSync(path, "r");
  try {
    const bytes = readAt(file, { path, position: start, size: WINDOW });
    if (bytes.length < atLeast) throw cutOff(path);
    return { path, start, bytes };
  } finally {
    closeSync(file);
  }
}

interface Reading {
  readonly path: string;
  readonly position: number;
  readonly size: number;
}

/** So many bytes, or those up to the end. */
function readAt(file: number, { path, position, size }: Reading): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  let done = 0;
  for (let count = -1; count !== 0 && done < size; done += count) {
    count = readSync(file, bytes, done, size - done, position + done);
  }
  if (done === 0) throw cutOff(path);
  return bytes.subarray(0, done);
}

function cutOff(path: string): Error {
  return new Error(`${path} was cut off`);
}
