import { ChunkWriter } from "./chunk-writer.ts";
import { BLOCK, padding } from "./format.ts";
import { writeHeader } from "./header.ts";
import type { TarLimits } from "./limits.ts";
import type { Member } from "./member.ts";
import { TarReader } from "./reader.ts";

export interface RepackTarOptions {
  /** What error messages call the archive. */
  readonly name: string;
  readonly limits?: Partial<TarLimits>;
  /** Changes metadata on the way; type, size and content stay. */
  readonly change?: (entry: Member) => Member;
}

/**
 * A tar of any maker written again as `writeTar` writes it, entry by entry in the order they come, in little memory. A chunk
 * is valid only until the next one is asked for.
 */
export async function* repackTar(
  chunks: AsyncIterable<Uint8Array>,
  options: RepackTarOptions,
): AsyncGenerator<Buffer, void, void> {
  const { change = (entry) => entry, ...reading } = options;
  const out = new ChunkWriter();
  let unpadded = 0;
  const pad = () => {
    out.reserve(padding(unpadded));
    unpadded = 0;
  };
  const reader = new TarReader({
    ...reading,
    onEntry: (entry) => {
      pad();
      writeHeader(change(entry), out);
    },
    onContent: (bytes) => {
      unpadded += bytes.length;
      // Copied also when large: the input is not ours to keep.
      out.append(bytes, false);
    },
  });
  for await (const chunk of chunks) {
    reader.push(chunk);
    yield* out.lend();
  }
  reader.end();
  pad();
  out.reserve(2 * BLOCK);
  out.flush();
  yield* out.take();
}
