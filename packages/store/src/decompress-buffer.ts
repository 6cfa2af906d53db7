import { type DecompressOptions, decompress } from "./decompress.ts";
import { DETECTION_SIZE, detectCompression } from "./detect-compression.ts";
import { xzDecodersAtOnce } from "./xz-pool.ts";

const waiting: (() => void)[] = [];
let decoding = 0;

/**
 * The content of data that is at hand and whose content has room in memory, such as the members of a package. Any number may
 * be asked for at once: xz is decoded on as many other threads as there are cores, in the order of the calls, and takes
 * memory only for those whose turn it is.
 *
 * @throws BaseKitError as `decompress`; the reason of `signal`
 */
export async function decompressBuffer(bytes: Uint8Array, options: DecompressOptions = {}): Promise<Buffer> {
  if (detectCompression(bytes.subarray(0, DETECTION_SIZE)) !== "xz") return collect(decompress(once(bytes), options));
  if (decoding < xzDecodersAtOnce()) decoding += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    options.signal?.throwIfAborted();
    return await collect(decompress(once(bytes), options));
  } finally {
    // The place is handed on, so that a later call cannot come before.
    const next = waiting.shift();
    if (next) next();
    else decoding -= 1;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return Buffer.concat(parts);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
