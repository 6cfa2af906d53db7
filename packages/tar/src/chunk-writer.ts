/** One system call, one hash update and one promise per this many bytes; below 256 KiB they begin to show. */
const CHUNK = 1024 ** 2;
/** From this size bytes are handed on as they are; copying small ones together is cheaper. */
const PASS_THROUGH = 256 * 1024;

/** Gathers bytes into large chunks, which are the taker's to keep unless it gives them back with `recycle`. */
export class ChunkWriter {
  /** Zeros from the place in use on: padding and most of a header need not be written. */
  #chunk: Buffer = Buffer.alloc(CHUNK);
  #used = 0;
  #ready: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  /** `stable`: nobody will write into these bytes again, so that large ones need not be copied. */
  append(bytes: Uint8Array, stable: boolean): void {
    if (stable && bytes.length >= PASS_THROUGH) {
      this.flush();
      this.#ready.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === CHUNK) this.flush();
      const count = Math.min(bytes.length - at, CHUNK - this.#used);
      this.#chunk.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
    }
  }

  /** Room for `count` bytes of zeros (at most a chunk), for `write` to change. */
  reserve(count: number, write: (chunk: Buffer, at: number) => void = () => {}): void {
    if (this.#used + count > CHUNK) this.flush();
    write(this.#chunk, this.#used);
    this.#used += count;
  }

  /** Makes what was gathered a chunk, however small. */
  flush(): void {
    if (this.#used === 0) return;
    this.#ready.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = this.#spare.pop()?.fill(0) ?? Buffer.alloc(CHUNK);
    this.#used = 0;
  }

  /**
   * Takes a chunk back for new content. Memory outside of V8's heap makes it collect garbage early: without this, an archive
   * of 200 MB costs more time in the collector than in the parser.
   */
  recycle(chunk: Buffer): void {
    if (chunk.buffer.byteLength === CHUNK && chunk.byteOffset === 0) this.#spare.push(Buffer.from(chunk.buffer));
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
