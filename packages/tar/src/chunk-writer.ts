/** One system call, one hash update and one promise per this many bytes; below 256 KiB they begin to show. */
const CHUNK = 1024 ** 2;
/** From this size bytes are handed on as they are; copying small ones together is cheaper. */
const PASS_THROUGH = 256 * 1024;

/** Gathers bytes into large chunks, which are the taker's to keep unless they are lent. */
export class ChunkWriter {
  /** Zeros from the place in use on: padding and most of a header need not be written. */
  #chunk: Buffer | undefined;
  #used = 0;
  #ready: Buffer[] = [];

  /** `stable`: nobody will write into these bytes before whoever takes them asks for more, so that large ones need not be copied. */
  append(bytes: Uint8Array, stable: boolean): void {
    if (stable && bytes.length >= PASS_THROUGH) {
      this.flush();
      this.#ready.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === CHUNK) this.flush();
      this.#chunk ??= room();
      const count = Math.min(bytes.length - at, CHUNK - this.#used);
      this.#chunk.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
    }
  }

  /** Room for `count` bytes of zeros (at most a chunk), for `write` to change. */
  reserve(count: number, write: (chunk: Buffer, at: number) => void = () => {}): void {
    if (this.#used + count > CHUNK) this.flush();
    this.#chunk ??= room();
    write(this.#chunk, this.#used);
    this.#used += count;
  }

  /** Makes what was gathered a chunk, however small. */
  flush(): void {
    if (this.#chunk === undefined) return;
    this.#ready.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = undefined;
    this.#used = 0;
  }

  /**
   * The finished chunks, each taken back for new content when the next one is asked for. Memory outside of V8's heap makes it
   * collect garbage early: without this, an archive of 200 MB costs more time in the collector than in the parser.
   */
  lend(): Iterable<Buffer> {
    return this.#ready.length === 0 ? NONE : this.#lendEach();
  }

  *#lendEach(): Generator<Buffer, void, void> {
    for (const chunk of this.take()) {
      yield chunk;
      takeBack(chunk);
    }
  }

  /** The finished chunks, once. */
  take(): readonly Buffer[] {
    if (this.#ready.length === 0) return NONE;
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }
}

const NONE: readonly Buffer[] = [];

/** Which memory is ours: what was handed on as it was is somebody else's. */
const own = new WeakSet<ArrayBufferLike>();
/** For the next writer too: among hundreds of small archives, making room would be most of the work. */
const spare: ArrayBufferLike[] = [];
const SPARE_AT_MOST = 4;

function room(): Buffer {
  const used = spare.pop();
  if (used !== undefined) return Buffer.from(used).fill(0);
  const fresh = Buffer.alloc(CHUNK);
  own.add(fresh.buffer);
  return fresh;
}

function takeBack({ buffer }: Buffer): void {
  if (own.has(buffer) && spare.length < SPARE_AT_MOST) spare.push(buffer);
}
