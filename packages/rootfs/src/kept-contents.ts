import { createHash, randomUUID } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Content, Context } from "@base-kit/core";

/** A place in an archive's unpacked data. */
export interface Stretch {
  readonly offset?: number;
  /** Bytes. */
  readonly size?: number;
}

export interface KeptContents<Facts> {
  readonly facts: Facts;
  /** The bytes at a place. */
  content(stretch: Stretch): Content;
}

/**
 * What is known of an archive, remembered under a key that says everything it follows from, so that the archive need be unpacked again
 * only when bytes are asked for that nobody else has kept; then its data goes to the context's temporary directory.
 *
 * @param unpack gives the facts (plain JSON) and the data that places in them refer to; throws for a bad archive
 */
export async function keptContents<Facts>(
  key: string,
  unpack: () => Promise<{ readonly facts: Facts; readonly data: Uint8Array }>,
  context: Pick<Context, "store" | "tempDir">,
): Promise<KeptContents<Facts>> {
  const toDisk = async () => {
    const { facts, data } = await unpack();
    const path = join(context.tempDir, `data-${createHash("sha256").update(key).digest("hex")}`);
    // Two builds of one context may do this at once, and one may be reading already.
    const temporary = `${path}-${randomUUID()}`;
    await writeFile(temporary, data);
    await rename(temporary, path);
    return { facts, path };
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

const CHUNK = 1024 ** 2;

function* partOf(path: string, { offset = 0, size = 0 }: Stretch): Generator<Uint8Array, void, void> {
  if (size === 0) return;
  const descriptor = openSync(path, "r");
  try {
    for (let done = 0; done < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - done));
      const count = readSync(descriptor, chunk, 0, chunk.length, offset + done);
      if (count === 0) throw new Error(`${path} was cut off`);
      done += count;
      yield count === chunk.length ? chunk : chunk.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}
