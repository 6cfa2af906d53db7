import { type ByteString, bytesFromBuffer } from "@base-kit/core";
import { type PaxRecord, parsePax } from "./pax.ts";
import { refuse } from "./refuse.ts";

/** What pax and GNU long-name headers say about the entry that follows them. */
export class ExtendedHeaders {
  readonly #archive: string;
  readonly #seen = new Set<string>();
  readonly #records = new Map<ByteString, Uint8Array>();
  longName: ByteString | undefined;
  longLink: ByteString | undefined;

  constructor(archive: string) {
    this.#archive = archive;
  }

  add(kind: string, content: Buffer): void {
    // GNU tar, Go and Python disagree about which of several extended headers wins.
    if (
      this.#seen.has(kind) ||
      (kind === "x" ? this.#seen.has("L") || this.#seen.has("K") : kind !== "g" && this.#seen.has("x"))
    ) {
      refuse("TAR_AMBIGUOUS", this.#archive, "several extended headers of one entry, which tools read differently");
    }
    this.#seen.add(kind);
    if (kind === "L") this.longName = this.#untilNul(content);
    else if (kind === "K") this.longLink = this.#untilNul(content);
    else this.#addRecords(content, kind === "g");
  }

  #addRecords(content: Buffer, global: boolean): void {
    const records = parsePax(content);
    if ("refused" in records) refuse("TAR_PAX", this.#archive, records.refused);
    for (const record of records) {
      if (record.key.startsWith("GNU.sparse.")) {
        refuse("TAR_SPARSE", this.#archive, "it holds a sparse file, which would expand without bound in an image");
      }
      if (!isRelevant(record)) continue;
      if (global)
        refuse(
          "TAR_AMBIGUOUS",
          this.#archive,
          `a global header sets ${record.key} for all entries, which tools read differently`,
        );
      if (this.#records.has(record.key))
        refuse("TAR_AMBIGUOUS", this.#archive, `${record.key} is given twice for one entry`);
      this.#records.set(record.key, record.value);
    }
  }

  #untilNul(content: Buffer): ByteString {
    let end = content.length;
    while (end > 0 && content[end - 1] === 0) end--;
    const text = bytesFromBuffer(content, 0, end);
    if (text.includes("\0")) refuse("TAR_EXTENDED_HEADER", this.#archive, "a long name contains a NUL byte");
    return text;
  }

  text(key: string): ByteString | undefined {
    const value = this.#records.get(key as ByteString);
    // An empty value takes the record back: the header's own field counts.
    return value === undefined || value.length === 0 ? undefined : bytesFromBuffer(value);
  }

  xattrs(): ReadonlyMap<ByteString, Uint8Array> | undefined {
    const found = [...this.#records].filter(([key]) => key.startsWith(XATTR));
    if (found.length === 0) return undefined;
    // File systems list them in any order; equal files must be equal entries.
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(found.map(([key, value]) => [key.slice(XATTR.length) as ByteString, value]));
  }
}

const XATTR = "SCHILY.xattr.";
const RELEVANT = new Set(["path", "linkpath", "size", "uid", "gid", "mtime", "SCHILY.devmajor", "SCHILY.devminor"]);

function isRelevant({ key }: PaxRecord): boolean {
  return RELEVANT.has(key) || key.startsWith(XATTR);
}
