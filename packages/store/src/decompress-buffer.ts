import { ChunkReader } from "./chunk-reader.ts";
import { type DecompressOptions, decompress, tooLarge } from "./decompress.ts";
import { damaged } from "./decompress-errors.ts";
import { DETECTION_SIZE, detectCompression } from "./detect-compression.ts";
import { unxzOnThread } from "./xz-pool.ts";
import { checkedXz } from "./xz-structure.ts";

/**
 * The content of data that is at hand and whose content has room in memory, such as the members of a package. xz is decoded on
 * other threads, so that many can be asked for at once; the answers come as they are ready.
 *
 * @throws BaseKitError as `decompress`
 */
export async function decompressBuffer(bytes: Uint8Array, options: DecompressOptions = {}): Promise<Buffer> {
  const { limit = Number.POSITIVE_INFINITY, name = "the data" } = options;
  if (detectCompression(Buffer.from(bytes.subarray(0, DETECTION_SIZE))) !== "xz") {
    return collect(decompress(once(bytes), options));
  }
  const reader = new ChunkReader(once(bytes), name);
  const checked = await collect(checkedXz(reader));
  const answer = await unxzOnThread(checked, limit);
  if ("bytes" in answer) return Buffer.from(answer.bytes.buffer, answer.bytes.byteOffset, answer.bytes.byteLength);
  throw "tooLarge" in answer ? tooLarge(name, limit) : damaged(reader, "not valid xz", new Error(answer.damaged));
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
