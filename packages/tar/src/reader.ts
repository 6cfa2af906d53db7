import { padding } from "./format.ts";
import { DEFAULT_LIMITS, type TarLimits } from "./limits.ts";
import { type Member, parseTar } from "./parser.ts";
import { refuse } from "./refuse.ts";

export interface TarReaderOptions {
  /** What error messages call the archive. */
  readonly name: string;
  readonly limits?: Partial<TarLimits>;
  /** Called for every entry, before its content. */
  readonly onEntry: (entry: Member) => void;
  /** Called for the content of the last entry, in as many pieces as it comes in; not stable beyond the call unless the input is. */
  readonly onContent?: (bytes: Uint8Array) => void;
}

/**
 * Reads a tar that is pushed in, in pieces of any size. It calls back within `push`, without a promise per entry: an
 * archive of small files is read several times faster than through streams.
 *
 * @throws BaseKitError `TAR_…` (unsupported) from `push` and `end`, as `indexTar`
 */
export class TarReader {
  readonly #options: TarReaderOptions;
  readonly #parser: Generator<number | Member, void, Uint8Array>;
  /** Bytes of a header that came in several pieces. */
  #partial: Uint8Array = EMPTY;
  #partialLength = 0;
  #wanted = 0;
  #content = 0;
  #padding = 0;
  #entry: Member | undefined;

  constructor(options: TarReaderOptions) {
    this.#options = options;
    this.#parser = parseTar(options.name, { ...DEFAULT_LIMITS, ...options.limits });
    this.#follow(this.#parser.next());
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const have = bytes.length - at;
      if (this.#content > 0) {
        const count = Math.min(have, this.#content);
        this.#options.onContent?.(bytes.subarray(at, at + count));
        this.#content -= count;
        at += count;
        if (this.#content === 0 && this.#padding === 0) this.#resume(EMPTY);
      } else if (this.#padding > 0) {
        const count = Math.min(have, this.#padding);
        this.#padding -= count;
        at += count;
        if (this.#padding === 0) this.#resume(EMPTY);
      } else if (this.#partialLength === 0 && have >= this.#wanted) {
        const header = bytes.subarray(at, at + this.#wanted);
        at += this.#wanted;
        this.#resume(header);
      } else {
        at += this.#gather(bytes.subarray(at));
      }
    }
  }

  /** The input is over. */
  end(): void {
    const { name } = this.#options;
    if (this.#content > 0 || this.#padding > 0) {
      refuse("TAR_TRUNCATED", name, `it ends within the content (${this.#content} bytes missing)`, this.#entry?.path);
    }
    while (this.#wanted > 0) this.#resume(this.#takePartial());
  }

  #gather(bytes: Uint8Array): number {
    if (this.#partialLength === 0) this.#partial = new Uint8Array(this.#wanted);
    const count = Math.min(bytes.length, this.#wanted - this.#partialLength);
    this.#partial.set(bytes.subarray(0, count), this.#partialLength);
    this.#partialLength += count;
    if (this.#partialLength === this.#wanted) this.#resume(this.#takePartial());
    return count;
  }

  #takePartial(): Uint8Array {
    const bytes = this.#partial.subarray(0, this.#partialLength);
    this.#partialLength = 0;
    return bytes;
  }

  #resume(bytes: Uint8Array): void {
    this.#follow(this.#parser.next(bytes));
  }

  #follow(result: IteratorResult<number | Member, void>): void {
    let next = result;
    while (!next.done && typeof next.value !== "number") {
      const entry = next.value;
      this.#entry = entry;
      this.#options.onEntry(entry);
      if (entry.size > 0) {
        this.#content = entry.size;
        this.#padding = padding(entry.size);
        return;
      }
      next = this.#parser.next(EMPTY);
    }
    this.#wanted = next.done ? 0 : (next.value as number);
  }
}

const EMPTY = new Uint8Array();
