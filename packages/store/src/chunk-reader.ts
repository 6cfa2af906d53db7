import { damaged } from "./decompress-errors.ts";

/** Reads structures of known size out of a stream of chunks of any size. */
export class ChunkReader {
  /** What the bytes are, for messages. */
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, name: string) {
    this.name = name;
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes without reading them; fewer only at the end. */
  async peek(size: number): Promise<Buffer> {
    while (this.#buffer.length < size) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      this.#buffer = this.#buffer.length === 0 ? asBuffer(value) : Buffer.concat([this.#buffer, value]);
    }
    return this.#buffer.subarray(0, size);
  }

  async atEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0;
  }

  /** Exactly so many bytes; an earlier end is an error. */
  async read(size: number): Promise<Buffer> {
    const bytes = await this.peek(size);
    if (bytes.length < size) throw damaged(this, "it ends too early");
    this.#advance(size);
    return bytes;
  }

  /** So many bytes in chunks as they come; an earlier end is an error. */
  async *pass(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = size; left > 0; ) {
      const chunk = (await this.peek(1)).length === 0 ? undefined : this.#buffer.subarray(0, left);
      if (chunk === undefined) throw damaged(this, "it ends too early");
      this.#advance(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!(await this.atEnd())) {
      const chunk = this.#buffer;
      this.#advance(chunk.length);
      yield chunk;
    }
  }

  /** Tells the source that nothing more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #advance(size: number): void {
    this.#buffer = this.#buffer.subarray(size);
    this.#offset += size;
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
