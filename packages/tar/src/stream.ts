import type { Entry } from "@base-kit/core";
import { padding } from "./format.ts";
import { DEFAULT_LIMITS, type TarLimits } from "./limits.ts";
import { parseTar } from "./parser.ts";
import { refuse } from "./refuse.ts";

export interface StreamTarOptions {
  /** What error messages call the archive. */
  readonly name: string;
  readonly limits?: Partial<TarLimits>;
}

/**
 * The entries of a tar as they come. A file's content can be read once, and only until the next entry is asked for; what
 * is not read is passed over. Made for copying archives of any size in little memory; `indexTar` gives entries to keep.
 *
 * @throws BaseKitError `TAR_…` as `indexTar`
 */
export async function* streamTar(
  chunks: AsyncIterable<Uint8Array>,
  options: StreamTarOptions,
): AsyncGenerator<Entry, void, void> {
  const archive = options.name;
  const input = new Input(chunks);
  try {
    const parser = parseTar(archive, { ...DEFAULT_LIMITS, ...options.limits });
    let next = parser.next();
    while (!next.done) {
      const wanted = next.value;
      if (typeof wanted === "number") {
        next = parser.next(input.takeNow(wanted) ?? (await input.take(wanted)));
        continue;
      }
      if (wanted.type === "file") {
        let left = wanted.size;
        const content = async function* (): AsyncGenerator<Uint8Array, void, void> {
          while (left > 0) {
            const bytes = input.someNow(left) ?? (await input.some(left));
            if (bytes.length === 0)
              refuse(
                "TAR_TRUNCATED",
                archive,
                `it ends within the content (${left} of ${wanted.size} bytes missing)`,
                wanted.path,
              );
            left -= bytes.length;
            yield bytes;
          }
        };
        // Most files lie whole within the chunk at hand: then no promise is needed for them.
        const whole = input.someNow(0, left);
        if (whole !== undefined) left = 0;
        yield { ...wanted, content: whole === undefined ? content : () => [whole] };
        for await (const _ of content()) {
          // Passed over.
        }
        const pad = padding(wanted.size);
        if (pad > 0) input.takeNow(pad) ?? (await input.take(pad));
      } else {
        yield wanted;
      }
      next = parser.next(EMPTY);
    }
  } finally {
    await input.close();
  }
}

const EMPTY = new Uint8Array();

/** A queue of chunks with a place in it. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = EMPTY;
  #at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes, if they lie in the current chunk. */
  takeNow(count: number): Uint8Array | undefined {
    if (this.#chunk.length - this.#at < count) return undefined;
    const bytes = this.#chunk.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }

  /** `count` bytes, fewer only at the end of the input. */
  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const part = this.someNow(missing) ?? (await this.some(missing));
      if (part.length === 0) break;
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }

  /** Up to `most` bytes of the current chunk; undefined when it has none, or fewer than `atLeast`. */
  someNow(most: number, atLeast = 1): Uint8Array | undefined {
    const have = this.#chunk.length - this.#at;
    if (have < Math.max(1, atLeast)) return undefined;
    return this.takeNow(Math.min(have, Math.max(most, atLeast)));
  }

  /** Up to `most` bytes; none only at the end of the input. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#at >= this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done) return EMPTY;
      this.#chunk = next.value;
      this.#at = 0;
    }
    return this.someNow(most) as Uint8Array;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
