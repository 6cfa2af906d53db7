import { BaseKitError, type Entry, type FileEntry, printable } from "@base-kit/core";
import { ChunkWriter } from "./chunk-writer.ts";
import { BLOCK, padding } from "./format.ts";
import { writeHeader } from "./header.ts";

export interface WriteTarOptions {
  /** Without the two blocks of zeros at the end: a part that others follow. @default false */
  readonly unterminated?: boolean;
  /** A chunk is valid only until the next one is asked for, which saves making room for each. @default false */
  readonly transient?: boolean;
}

/** What stands at the end of a tar. */
export const END_OF_TAR: Buffer = Buffer.alloc(2 * BLOCK);

/**
 * A tar of the entries in the order given, two blocks of zeros at its end. The same entries give the same bytes everywhere.
 * Chunks are the caller's to keep, unless they are `transient`.
 *
 * @throws BaseKitError `TAR_CONTENT_SIZE` (environment) when a file gives more or fewer bytes than its size says
 */
export async function* writeTar(
  entries: Iterable<Entry>,
  { unterminated = false, transient = false }: WriteTarOptions = {},
): AsyncGenerator<Buffer, void, void> {
  const out = new ChunkWriter();
  const finished = () => (transient ? out.lend() : out.take());
  for (const entry of entries) {
    writeHeader(entry, out);
    if (entry.type !== "file" || entry.size === 0) continue;
    const content = entry.content({ lent: transient });
    let written = 0;
    // A synchronous source is worth its own loop: `for await` costs three promises per chunk, and most files are one chunk.
    if (Symbol.iterator in content) {
      for (const bytes of content) {
        written += bytes.length;
        out.append(bytes, true);
        yield* finished();
      }
    } else {
      for await (const bytes of content) {
        written += bytes.length;
        out.append(bytes, true);
        yield* finished();
      }
    }
    if (written !== entry.size) throw changedWhileReading(entry, written);
    out.reserve(padding(entry.size));
  }
  if (!unterminated) out.reserve(END_OF_TAR.length);
  out.flush();
  yield* finished();
}

function changedWhileReading(entry: FileEntry, found: number): BaseKitError {
  return new BaseKitError(
    "TAR_CONTENT_SIZE",
    `cannot write ${printable(entry.path)} to a tar: expected ${entry.size} bytes, found ${found}: the file changed while it was read`,
    { kind: "environment", hint: "Stop what writes to it, or leave it out, and run again." },
  );
}
