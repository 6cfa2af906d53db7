import { ChunkReader } from "./chunk-reader.ts";
import { tooLarge, unsupported } from "./decompress-errors.ts";
import { type Compression, DETECTION_SIZE, detectCompression } from "./detect-compression.ts";
import { gunzip } from "./gzip.ts";
import { unxz } from "./xz.ts";
import { unzstd } from "./zstd.ts";

export interface DecompressOptions {
  /** Stop with an error when more bytes than this come out. @default no limit */
  readonly limit?: number;
  /** What the bytes are, for messages; escaped already. @default "the data" */
  readonly name?: string;
  /** Stops with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** A chunk is valid only until the next one is asked for, which saves making room for each. @default false */
  readonly transient?: boolean;
}

/**
 * The content of gzip, xz and zstd data, told by its first bytes; anything else is given as it is. Like the tools of these
 * formats it reads concatenated members, streams and frames; unlike some it refuses whatever follows them. xz is decoded on
 * another thread, a step ahead of the reader.
 *
 * @throws BaseKitError `DECOMPRESS_DAMAGED` (verification), `DECOMPRESS_UNSUPPORTED` or `DECOMPRESS_TOO_LARGE` (unsupported)
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  { limit = Number.POSITIVE_INFINITY, name = "the data", signal, transient = false }: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ChunkReader(chunks, name);
  let size = 0;
  try {
    const compression = detectCompression(await reader.peek(DETECTION_SIZE));
    for await (const chunk of DECODERS[compression](reader, { transient })) {
      signal?.throwIfAborted();
      size += chunk.length;
      if (size > limit) throw tooLarge(name, limit);
      yield chunk;
    }
  } finally {
    await reader.close();
  }
}

type Decoder = (reader: ChunkReader, options: { readonly transient: boolean }) => AsyncIterable<Uint8Array>;

const DECODERS: Readonly<Record<Compression, Decoder>> = {
  gzip: gunzip,
  xz: unxz,
  zstd: unzstd,
  bzip2: (reader) => {
    throw unsupported(reader, "it is compressed with bzip2", "Unpack it first: bunzip2 FILE.");
  },
  none: (reader) => reader.rest(),
};
