import { padding } from "./format.ts";
import { DEFAULT_LIMITS, type TarLimits } from "./limits.ts";
import type { Member } from "./member.ts";
import { parseTar } from "./parser.ts";
import { refuse } from "./refuse.ts";
import type { Window } from "./window.ts";

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
  readonly #window: Window = { bytes: EMPTY, at: 0, length: 0 };
  readonly #parser: Generator<number | Member, void, void>;
  /** Bytes of a header that came in several pieces. */
  #partial: Buffer = EMPTY;
  #partialLength = 0;
  #wanted = 0;
  #content = 0;
  #padding = 0;
  #entry: Member | undefined;

  constructor(options: TarReaderOptions) {
    this.#options = options;
    this.#parser = parseTar(options.name, { ...DEFAULT_LIMITS, ...options.limits }, this.#window);
    this.#resume();
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      const have = bytes.length - at;
      if (this.#content > 0) {
        const count = Math.min(have, this.#content);
        this.#options.onContent?.(bytes.subarray(at, at + count));
        this.#content -= count;
        at += count;
        if (this.#content === 0 && this.#padding === 0) this.#resume();
      } else if (this.#padding > 0) {
        const count = Math.min(have, this.#padding);
        this.#padding -= count;
        at += count;
        if (this.#padding === 0) this.#resume();
      } else if (this.#partialLength === 0 && have >= this.#wanted) {
        const start = at;
        at += this.#wanted;
        this.#give(bytes, start, this.#wanted);
      } else {
        at += this.#gather(bytes, at);
      }
    }
  }

  /** The input is over. */
  end(): void {
    const { name } = this.#options;
    if (this.#content > 0 || this.#padding > 0) {
      refuse("TAR_TRUNCATED", name, `it ends within the content (${this.#content} bytes missing)`, this.#entry?.path);
    }
    while (this.#wanted > 0) this.#givePartial();
  }

  #gather(bytes: Buffer, at: number): number {
    if (this.#partialLength === 0) this.#partial = Buffer.allocUnsafe(this.#wanted);
    const count = Math.min(bytes.length - at, this.#wanted - this.#partialLength);
    bytes.copy(this.#partial, this.#partialLength, at, at + count);
    this.#partialLength += count;
    if (this.#partialLength === this.#wanted) this.#givePartial();
    return count;
  }

  #givePartial(): void {
    const length = this.#partialLength;
    this.#partialLength = 0;
    this.#give(this.#partial, 0, length);
  }

  #give(bytes: Buffer, at: number, length: number): void {
    this.#window.bytes = bytes;
    this.#window.at = at;
    this.#window.length = length;
    this.#resume();
  }

  #resume(): void {
    for (;;) {
      const result = this.#parser.next();
      const value = result.done === true ? 0 : result.value;
      if (typeof value === "number") {
        this.#wanted = value;
        return;
      }
      this.#entry = value;
      this.#options.onEntry(value);
      if (value.size > 0) {
        this.#content = value.size;
        this.#padding = padding(value.size);
        return;
      }
    }
  }
}

const EMPTY = Buffer.alloc(0);
