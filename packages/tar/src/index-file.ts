import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Entry, ReadOptions } from "@base-kit/core";
import { BLOCK, padding } from "./format.ts";
import { lentPieces } from "./lent-pieces.ts";
import { DEFAULT_LIMITS, type TarLimits, UNLIMITED } from "./limits.ts";
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
  const owner = options.descriptor === undefined ? openArchive(file) : { descriptor: options.descriptor };
  return [...entriesFrom(owner, { archive: options.name ?? file, limits: options.limits })];
}

/** An uncompressed tar file of the caller's own making: nothing limits its size. */
export interface TarFile {
  /** All of them, as `indexTar` has them; made once. */
  entries(): readonly Entry[];
  /** The one whose headers begin at this byte. */
  entryAt(position: number): Entry;
}

/** @throws a system error when it cannot be opened; from its methods as `indexTar` */
export function tarFile(file: string): TarFile {
  const owner = openArchive(file);
  const reading = { archive: file, limits: UNLIMITED };
  let all: readonly Entry[] | undefined;
  return {
    entries: () => {
      all ??= [...entriesFrom(owner, reading)];
      return all;
    },
    entryAt: (position) => {
      for (const entry of entriesFrom(owner, { ...reading, position, ahead: BLOCK })) return entry;
      throw new RangeError(`no entry begins at byte ${position} of ${file}`);
    },
  };
}

interface Reading {
  readonly archive: string;
  readonly limits?: Partial<TarLimits> | undefined;
  /** Where the headers of the first entry begin. @default 0 */
  readonly position?: number;
  /** Bytes to read at once, at first. @default 64 KiB */
  readonly ahead?: number;
}

function* entriesFrom(owner: OpenArchive, reading: Reading): Generator<Entry, void, void> {
  const { archive, limits } = reading;
  const { size: fileSize } = fstatSync(owner.descriptor);
  let ahead = reading.ahead ?? WINDOW;
  const buffer = Buffer.allocUnsafeSlow(Math.max(ahead, NARROW));
  let position = reading.position ?? 0;
  let bufferStart = position;
  let bufferEnd = position;
  const window: Window = { bytes: buffer, at: 0, length: 0 };

  const fill = (count: number): void => {
    if (count > buffer.length) {
      window.bytes = readAt(owner.descriptor, position, Math.min(count, Math.max(0, fileSize - position)));
      window.at = 0;
      window.length = window.bytes.length;
    } else {
      if (position < bufferStart || position + count > bufferEnd) {
        // Among small files many headers are had with one read; between large ones all but the next header is read for nothing.
        if (bufferEnd > bufferStart) ahead = position - bufferEnd <= ahead ? 2 * ahead : Math.max(NARROW, ahead / 2);
        ahead = Math.min(ahead, buffer.length);
        bufferStart = position;
        bufferEnd = position + readSync(owner.descriptor, buffer, 0, Math.max(count, ahead), position);
      }
      window.bytes = buffer;
      window.at = position - bufferStart;
      window.length = Math.min(count, bufferEnd - position);
    }
    position += window.length;
  };

  for (const wanted of parseTar(archive, { ...DEFAULT_LIMITS, ...limits }, window)) {
    if (typeof wanted === "number") {
      fill(wanted);
      continue;
    }
    const contentAt = position;
    position += wanted.size + padding(wanted.size);
    if (position > fileSize) {
      refuse("TAR_TRUNCATED", archive, `it ends within the content (${wanted.size} bytes expected)`, wanted.path);
    }
    yield entryAt(owner, wanted, contentAt);
  }
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
