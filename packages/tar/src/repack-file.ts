import { BLOCK, padding } from "./format.ts";
import { GrowingFile } from "./growing-file.ts";
import { encodeHeader } from "./header.ts";
import { UNLIMITED } from "./limits.ts";
import type { Member } from "./member.ts";
import { parseTar } from "./parser.ts";
import { type EntryHead, isPlainHeader, isZeroFrom, plainHead, plainSize } from "./plain-header.ts";
import { refuse } from "./refuse.ts";
import type { Window } from "./window.ts";

export interface RepackTarFileOptions {
  /** What error messages call the archive. */
  readonly name: string;
  /** Fulfilled when more may have been written; with false when nothing more will be. @default nothing more will be */
  readonly more?: () => Promise<boolean>;
  /** The true metadata of an entry whose time is 0: GNU tar writes that for a time ustar cannot hold. */
  readonly timeless?: (entry: Member) => Member;
  /** Each entry, and where its headers begin in the finished file. */
  readonly onEntry?: (entry: EntryHead, headersAt: number) => void;
  /** Sees the bytes of the finished file in their order; they are valid only during the call. */
  readonly onBytes?: (bytes: Buffer) => void;
}

/**
 * Makes a tar file what `writeTar` would write of its entries, while the program that makes it is still at it. This reads
 * behind that program; mostly each header turns out to be right as it is, and nothing has to be written. A header that differs
 * is written over; when one has another length, a copy takes the file's name. The archive is the caller's own: nothing limits
 * its size.
 *
 * @throws BaseKitError `TAR_…` (unsupported) as `indexTar`; system errors and those of `more` as they come. The file is of no use then.
 */
export async function repackTarFile(path: string, options: RepackTarFileOptions): Promise<void> {
  const { name, more = async () => false, timeless = (entry) => entry, onEntry, onBytes = () => {} } = options;
  const file = new GrowingFile(path, { more, onBytes });
  try {
    const nextEntry = entryReader(file, name);
    // The zeros that fill up a content are looked at together with the headers behind them.
    let pad = 0;
    for (;;) {
      if (file.available < pad + BLOCK) await file.fill(pad + BLOCK);
      if (isPlain(file, pad)) {
        const header = file.at + pad;
        const size = plainSize(file.buffer, header);
        onEntry?.(plainHead(file.buffer, header), file.finished + pad);
        file.keep(pad + BLOCK + size);
        pad = padding(size);
        continue;
      }
      const found = await nextEntry(pad);
      if (found === undefined) break;
      const entry = found.entry.mtime === 0 ? timeless(found.entry) : found.entry;
      const headersAt = file.finished + pad;
      await file.replace(found.length, Buffer.concat([Buffer.alloc(pad), encodeHeader(entry)]));
      onEntry?.(entry, headersAt);
      file.keep(entry.size);
      pad = padding(entry.size);
    }
    file.finish(Buffer.alloc(pad + 2 * BLOCK));
  } finally {
    file.close();
  }
}

interface FoundEntry {
  readonly entry: Member;
  /** Bytes of its headers and of what was skipped before them. */
  readonly length: number;
}

/** Gives the entry whose headers begin `skip` bytes from where the file stands, and does not go on; undefined at the end. */
function entryReader(file: GrowingFile, name: string): (skip: number) => Promise<FoundEntry | undefined> {
  const window: Window = { bytes: file.buffer, at: 0, length: 0 };
  const parser = parseTar(name, UNLIMITED, window);
  parser.next();
  return async (skip) => {
    let length = skip;
    let wanted = BLOCK;
    for (;;) {
      await file.fill(length + wanted);
      if (file.available < skip) refuse("TAR_TRUNCATED", name, "it ends within the content of a file");
      window.bytes = file.buffer;
      window.at = file.at + length;
      window.length = Math.min(wanted, file.available - length);
      length += window.length;
      const { done, value } = parser.next();
      if (done === true) return undefined;
      if (typeof value === "number") {
        wanted = value;
        continue;
      }
      // On to where it wants the next header, which may be read without it.
      parser.next();
      return { entry: value, length };
    }
  };
}

function isPlain({ buffer, at, available }: GrowingFile, pad: number): boolean {
  if (available < pad + BLOCK) return false;
  return isZeroFrom(buffer, at, at + pad) && isPlainHeader(buffer, at + pad);
}
