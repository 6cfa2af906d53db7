import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Entry, ReadOptions } from "@base-kit/core";
import { BLOCK, padding } from "./format.ts";
import { lentPieces } from "./lent-pieces.ts";
import { DEFAULT_LIMITS, type TarLimits } from "./limits.ts";
import type { Member } from "./member.ts";
import { parseTar } from "./parser.ts";
import { refuse } from "./refuse.ts";
import type { Window } from "./window.ts";

export interface IndexTarOptions {
  /** What error messages call the archive. @default the file's name */
  readonly name?: string;
  readonly limits?: Partial<TarLimits>;
  /**
   * The file, open for reading, for who cannot wait until nobody has an entry any more: they close it when they need none of the
   * contents. @default opened here
   */
  readonly descriptor?: number;
}

const WINDOW = 64 * 1024;
const NARROW = 4 * 1024;
const CONTENT_CHUNK = 1024 ** 2;

/** A descriptor lives as long as an entry that reads through it does. */
const descriptors = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/**
 * The entries of an uncompressed tar file; a file's bytes are read from their place in it when they are asked for. Only
 * headers are read here, so that an index costs a hundredth of the archive.
 *
 * @throws BaseKitError `TAR_…` (unsupported) for an archive that is damaged, hostile or means different things to different tools
 */
export function indexTar(file: string, options: IndexTarOptions = {}): Entry[] {
  const archive = options.name ?? file;
  const owner = options.descriptor === undefined ? openArchive(file) : { descriptor: options.descriptor };
  const { size: fileSize } = fstatSync(owner.descriptor);
  const buffer = Buffer.allocUnsafeSlow(WINDOW);
  let bufferStart = 0;
  let bufferEnd = 0;
  let position = 0;
  let reading = WINDOW;
  const window: Window = { bytes: buffer, at: 0, length: 0 };

  const fill = (count: number): void => {
    if (count > WINDOW) {
      window.bytes = readAt(owner.descriptor, position, Math.min(count, Math.max(0, fileSize - position)));
      window.at = 0;
      window.length = window.bytes.length;
    } else {
      if (position < bufferStart || position + count > bufferEnd) {
        // Among small files many headers are had with one read; between large ones all but the next header is read for nothing.
        reading = position - bufferEnd <= reading ? Math.min(WINDOW, 2 * reading) : Math.max(NARROW, reading / 2);
        bufferStart = position;
        bufferEnd = position + readSync(owner.descriptor, buffer, 0, Math.max(count, reading), position);
      }
      window.bytes = buffer;
      window.at = position - bufferStart;
      window.length = Math.min(count, bufferEnd - position);
    }
    position += window.length;
  };

  const entries: Entry[] = [];
  for (const wanted of parseTar(archive, { ...DEFAULT_LIMITS, ...options.limits }, window)) {
    if (typeof wanted === "number") {
      fill(wanted);
      continue;
    }
    entries.push(entryAt(owner, wanted, position));
    position += wanted.size + padding(wanted.size);
    if (position > fileSize) {
      refuse("TAR_TRUNCATED", archive, `it ends within the content (${wanted.size} bytes expected)`, wanted.path);
    }
  }
  return entries;
}

/** Members of an archive with the places of their contents as entries that read them there. */
export function entriesAt(file: string, members: readonly (readonly [member: Member, content: number])[]): Entry[] {
  const owner = openArchive(file);
  return members.map(([member, content]) => entryAt(owner, member, content));
}

interface OpenArchive {
  readonly descriptor: number;
}

function openArchive(file: string): OpenArchive {
  const owner = { descriptor: openSync(file, "r") };
  descriptors.register(owner, owner.descriptor);
  return owner;
}

function entryAt(owner: OpenArchive, member: Member, position: number): Entry {
  if (member.type !== "file") return member;
  return { ...member, content: (options) => contentAt(owner, position, { ...options, size: member.size }) };
}

function* contentAt(
  owner: OpenArchive,
  position: number,
  { size, lent = false }: ReadOptions & { readonly size: number },
): Generator<Uint8Array, void, void> {
  if (lent) return yield* lentPieces(owner.descriptor, { position, size });
  for (let done = 0; done < size; ) {
    const bytes = readAt(owner.descriptor, position + done, Math.min(CONTENT_CHUNK, size - done));
    if (bytes.length === 0) return;
    done += bytes.length;
    yield bytes;
  }
}

function readAt(descriptor: number, position: number, count: number): Buffer {
  const bytes = count < 4 * BLOCK ? Buffer.allocUnsafe(count) : Buffer.allocUnsafeSlow(count);
  let done = 0;
  while (done < count) {
    const read = readSync(descriptor, bytes, done, count - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}
