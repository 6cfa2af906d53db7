import { Socket } from "node:net";
import { systemErrorCode } from "@base-kit/core";

/** What is there already is read in much less. Milliseconds. */
const READING_TAKES_AT_MOST = 1000;

type Done = (error?: Error | null) => void;

/**
 * A connection that is read to its end when nothing can be written to it any more. Who refuses what is being sent may answer and
 * close at once; the answer is here then, but Node destroys a socket that cannot be written to, and what was not read is gone.
 */
export class ListeningSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, (error) => this.#written(done, error));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, (error) => this.#written(done, error));
  }

  #written(done: Done, error: Error | null | undefined): void {
    if (!CLOSED_BY_PEER.has(systemErrorCode(error))) {
      done(error);
      return;
    }
    const tell = (): void => {
      clearTimeout(timer);
      this.off("end", tell).off("close", tell);
      done(error);
    };
    const timer = setTimeout(tell, READING_TAKES_AT_MOST);
    this.on("end", tell).on("close", tell);
  }
}

const CLOSED_BY_PEER: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"]);
