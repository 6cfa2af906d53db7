import { closeSync, fstatSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { setImmediate as otherWork } from "node:timers/promises";

export interface GrowingFileOptions {
  /** Fulfilled when more may have been written; with false when nothing more will be. */
  readonly more: () => Promise<boolean>;
  /** Sees what is finished, in order. */
  readonly onBytes: (bytes: Buffer) => void;
}

const BUFFER = 1024 ** 2;
/** So much at a time: whoever sends the file on to an engine waits for as long as this takes to look at. */
const SLICE = 256 * 1024;
/**
 * A file that another program appends to, read behind it and corrected on the way. As long as nothing changes its length the
 * corrections go into the file itself. Then a copy takes its name, and the program goes on with a file that has none.
 */
export class GrowingFile {
  readonly #path: string;
  readonly #options: GrowingFileOptions;
  readonly #input: number;
  #output: number;
  buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER);
  #length = 0;
  /** Where the file stands in the buffer; beyond its end while a large content is passed over. */
  at = 0;
  /** Up to here the buffer is finished. */
  #kept = 0;
  #position = 0;
  #ended = false;
  /** Bytes of the finished file that are settled but not yet looked at. */
  #finished = 0;

  constructor(path: string, options: GrowingFileOptions) {
    this.#path = path;
    this.#options = options;
    this.#input = openSync(path, "r+");
    this.#output = this.#input;
  }

  /** Bytes from where the file stands; below 0 while a content is passed over. */
  get available(): number {
    return this.#length - this.at;
  }

  /** How long the finished file is up to where this one stands. */
  get finished(): number {
    return this.#finished + this.at - this.#kept;
  }

  /** Reads on until so many bytes are available, or the file has ended. */
  async fill(count: number): Promise<void> {
    while (this.available < count) {
      this.#slide(count);
      const room = Math.min(SLICE, this.buffer.length - this.#length);
      const read = readSync(this.#input, this.buffer, this.#length, room, this.#position);
      this.#length += read;
      this.#position += read;
      if (read > 0) {
        // Signals, programs, and whoever follows.
        await otherWork();
      } else if (this.#ended) return;
      else this.#ended = !(await this.#options.more());
    }
  }

  /** The next `count` bytes are right. */
  keep(count: number): void {
    this.at += count;
  }

  /** Writes these bytes in the place of the next `length`, which are available. */
  async replace(length: number, bytes: Buffer): Promise<void> {
    const place = this.buffer.subarray(this.at, this.at + length);
    if (!place.equals(bytes)) {
      this.#settle(this.at);
      if (bytes.length !== length && this.#output === this.#input) await this.#copy();
      this.#put(bytes, true);
      this.#kept += length;
    }
    this.at += length;
  }

  /** Whatever follows is not part of the finished file; these bytes are its end. */
  finish(bytes: Buffer): void {
    this.#settle(this.at);
    this.#put(bytes, true);
    ftruncateSync(this.#output, this.#finished);
  }

  close(): void {
    if (this.#output !== this.#input) closeSync(this.#output);
    closeSync(this.#input);
  }

  /** Makes room behind what is still needed. */
  #slide(count: number): void {
    const done = Math.min(this.at, this.#length);
    this.#settle(done);
    this.buffer.copyWithin(0, done, this.#length);
    this.#length -= done;
    this.at -= done;
    this.#kept -= done;
    if (this.at === 0 && count > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * count);
      this.buffer.copy(larger, 0, 0, this.#length);
      this.buffer = larger;
    }
  }

  #settle(end: number): void {
    if (end <= this.#kept) return;
    this.#put(this.buffer.subarray(this.#kept, end), this.#output !== this.#input);
    this.#kept = end;
  }

  #put(bytes: Buffer, write: boolean): void {
    if (write) writeWhole(this.#output, bytes, this.#finished);
    this.#finished += bytes.length;
    this.#options.onBytes(bytes);
  }

  /** The program has the file open and needs no name for it. */
  async #copy(): Promise<void> {
    unlinkSync(this.#path);
    this.#output = openSync(this.#path, "wx+", fstatSync(this.#input).mode & 0o777);
    const chunk = Buffer.allocUnsafeSlow(BUFFER);
    for (let done = 0; done < this.#finished; ) {
      const read = readSync(this.#input, chunk, 0, Math.min(BUFFER, this.#finished - done), done);
      writeWhole(this.#output, chunk.subarray(0, read), done);
      done += read;
      await otherWork();
    }
  }
}

function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
