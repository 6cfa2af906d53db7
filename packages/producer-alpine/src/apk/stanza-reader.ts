const BLANK_LINE = Buffer.from("\n\n");
const NEWLINE = 10;

/** Takes a list of stanzas apart at its blank lines; it is pushed in, in pieces of any size, and no more than one stanza of it is held. */
export class StanzaReader {
  readonly #onStanza: (text: string) => void;
  /** Beginning of a stanza whose end has not come yet. */
  #parts: Uint8Array[] = [];
  #endsWithNewline = false;

  constructor(onStanza: (text: string) => void) {
    this.#onStanza = onStanza;
  }

  /** @param bytes not needed any more after the call */
  push(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    // A blank line may lie across two pieces.
    if (this.#endsWithNewline && piece[0] === NEWLINE) start = this.#cut(piece, 0, 1);
    for (;;) {
      const blank = piece.indexOf(BLANK_LINE, start);
      if (blank < 0) break;
      start = this.#cut(piece, start, blank + BLANK_LINE.length);
    }
    if (start === piece.length) return;
    this.#parts.push(Buffer.from(piece.subarray(start)));
    this.#endsWithNewline = piece.at(-1) === NEWLINE;
  }

  end(): void {
    this.#cut(Buffer.alloc(0), 0, 0);
  }

  #cut(piece: Buffer, start: number, end: number): number {
    const last = piece.subarray(start, end);
    // A character never lies across two stanzas, but it may across two pieces.
    const text = (this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last])).toString("utf8");
    this.#parts = [];
    this.#endsWithNewline = false;
    if (text.trim() !== "") this.#onStanza(text);
    return end;
  }
}
