/**
 * Memory of one size that is used again: buffers that are made and dropped by the hundred wait for the garbage collector, and what
 * the collector gives back stays with the C library, in pieces of other sizes.
 */
export class Rooms {
  readonly #size: number;
  readonly #atMost: number;
  readonly #spare: ArrayBuffer[] = [];

  /** `size`: bytes of each. `atMost`: how many are kept while nobody uses them. */
  constructor({ size, atMost }: { readonly size: number; readonly atMost: number }) {
    this.#size = size;
    this.#atMost = atMost;
  }

  /** Its content may be anything. */
  take(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(this.#size);
  }

  /** What has another size is left to the garbage collector. */
  giveBack(room: ArrayBuffer): void {
    if (room.byteLength === this.#size && this.#spare.length < this.#atMost) this.#spare.push(room);
  }
}
