import { type DecompressOptions, decompress } from "./decompress.ts";
import { DETECTION_SIZE, detectCompression } from "./detect-compression.ts";
import { xzDecodersAtOnce } from "./xz-pool.ts";
import { xzContentSize } from "./xz-size.ts";

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
    const { limit = Number.POSITIVE_INFINITY } = options;
    const size = xzContentSize(bytes) ?? 0;
    return await collect(decompress(once(bytes), options), size > LARGE && size <= limit ? size : 0);
  } finally {
    // The place is handed on, so that a later call cannot come before.
    const next = waiting.shift();
    if (next) next();
    else decoding -= 1;
  }
}

/** Content as large as this is not in memory twice, as pieces and as a whole. */
const LARGE = 4 * 1024 ** 2;

/** `expected` bytes of room, unless there come more or fewer. */
async function collect(chunks: AsyncIterable<Uint8Array>, expected = 0): Promise<Buffer> {
  const room = Buffer.allocUnsafeSlow(expected);
  const parts: Uint8Array[] = [];
  let used = 0;
  for await (const chunk of chunks) {
    if (parts.length > 0 || used + chunk.length > expected) parts.push(chunk);
    else {
      room.set(chunk, used);
      used += chunk.length;
    }
  }
  const filled = room.subarray(0, used);
  if (parts.length === 0) return filled;
  const [only, ...others] = parts;
  if (used === 0 && only !== undefined && others.length === 0) {
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  }
  return Buffer.concat([filled, ...parts]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
