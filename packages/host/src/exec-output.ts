import { StringDecoder } from "node:string_decoder";

/** The end of an output of any length in bounded memory. */
export class OutputTail {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // Joined at twice the limit, so that dropping costs a constant time per byte.
    if (this.#size > 2 * this.#limit) this.#joined();
  }

  bytes(): Buffer {
    return this.#joined();
  }

  #joined(): Buffer {
    const all = Buffer.concat(this.#chunks);
    // A copy: a view would keep the dropped bytes in memory.
    const kept = all.length > this.#limit ? Buffer.from(all.subarray(all.length - this.#limit)) : all;
    this.#chunks = [kept];
    this.#size = kept.length;
    return kept;
  }
}

/** A line longer than this is given in parts. */
const LINE_AT_MOST = 64 * 1024;

/** Cuts a stream of bytes into lines without their end. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(chunk))).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (this.#rest.length > LINE_AT_MOST) this.end();
  }

  /** Gives what stands after the last end of line. */
  end(): void {
    const line = this.#rest + this.#decoder.end();
    this.#rest = "";
    if (line !== "") this.#onLine(line);
  }
}
