import { type Context, printable, step } from "@base-kit/core";
import { type FileSource, fileName, receive } from "./fetch-file.ts";
import { createTries, type Tries } from "./retry.ts";

export interface FetchedBytes {
  readonly bytes: Buffer;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** A document that is expected to be small. */
export interface BytesSource extends Pick<FileSource, "url" | "name"> {
  /** Bytes at most. */
  readonly limit: number;
}

/**
 * Fetches a document whose digest nobody knows, such as a signed list: it is read into memory and kept nowhere.
 *
 * Broken connections and the statuses 408, 425, 429 and 5xx get four tries.
 *
 * @throws BaseKitError as `fetchFile`, but for those of writing
 */
export function fetchBytes(source: BytesSource, context: Context): Promise<FetchedBytes> {
  return fetchBytesWithin(createTries(context), source, context);
}

/** With another patience, for tests. */
export function fetchBytesWithin(tries: Tries, source: BytesSource, context: Context): Promise<FetchedBytes> {
  return step(context, `fetch ${printable(fileName(source))}`, async (running) => {
    const report = (done: number) => running.progress(done, {});
    const { taken, sha256 } = await receive(source, context, { tries, report, take: gathered });
    return { bytes: taken, sha256 };
  });
}

async function gathered(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  const [first] = chunks;
  return chunks.length === 1 && Buffer.isBuffer(first) ? first : Buffer.concat(chunks);
}
