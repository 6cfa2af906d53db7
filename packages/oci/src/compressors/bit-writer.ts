/** Bits, the lowest first, into bytes: RFC 1951, 3.1.1. */
export class BitWriter {
  #bytes: Uint8Array;
  #length = 0;
  #bits = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** At most 16 bits. */
  bits(value: number, count: number): void {
    this.#bits |= value << this.#count;
    this.#count += count;
    if (this.#length + 4 > this.#bytes.length) this.#grow(4);
    while (this.#count >= 8) {
      this.#bytes[this.#length++] = this.#bits & 0xff;
      this.#bits >>>= 8;
      this.#count -= 8;
    }
  }

  /** A stored block of at most 65535 bytes. */
  stored(bytes: Uint8Array, final: boolean): void {
    this.bits(Number(final), 3);
    if (this.#count > 0) this.bits(0, 8 - this.#count);
    this.#grow(bytes.length + 4);
    const { length } = bytes;
    for (const byte of [length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff]) {
      this.#bytes[this.#length++] = byte;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += length;
  }

  /** What was written, the last byte filled up with zeros. */
  finish(): Uint8Array {
    if (this.#count > 0) this.bits(0, 8 - this.#count);
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(by: number): void {
    if (this.#length + by <= this.#bytes.length) return;
    const bytes = new Uint8Array(2 * this.#bytes.length + by);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
