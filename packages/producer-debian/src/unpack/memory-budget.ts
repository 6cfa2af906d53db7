/** A number of works at once, and their sizes together, so that memory is bounded however large the largest is. */
export class MemoryBudget {
  readonly #places: number;
  readonly #size: number;
  readonly #waiting: { readonly size: number; readonly enter: () => void }[] = [];
  #taken = 0;
  #used = 0;

  constructor({ places, size }: { readonly places: number; readonly size: number }) {
    this.#places = places;
    this.#size = size;
  }

  /** Works in the order of the calls; what is larger than all of the room works alone. */
  async within<T>(size: number, work: () => Promise<T>): Promise<T> {
    const counted = Math.min(size, this.#size);
    await new Promise<void>((enter) => {
      this.#waiting.push({ size: counted, enter });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#taken -= 1;
      this.#used -= counted;
      this.#admit();
    }
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#taken >= this.#places || this.#used + next.size > this.#size) return;
      this.#waiting.shift();
      this.#taken += 1;
      this.#used += next.size;
      next.enter();
    }
  }
}
