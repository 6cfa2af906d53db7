import { ExtendedHeaders } from "./extended-headers.ts";
import { BLOCK, checksum, FIELD } from "./format.ts";
import type { TarLimits } from "./limits.ts";
import { type Member, parseMember } from "./member.ts";
import { refuse } from "./refuse.ts";
import { isZero, numberField, typeflagOf, type Window } from "./window.ts";

/**
 * Reads the headers of an archive. It is a coroutine, so that the same code serves a file with positions and a stream: it
 * yields how many bytes it wants next and is resumed when they are in the window, or it yields a member and is resumed when
 * the caller has passed over `size` bytes and their padding.
 *
 * Where trusted tools disagree about the meaning of an archive, the archive is refused: each such disagreement is a place
 * to hide something from one of them.
 */
export function* parseTar(archive: string, limits: TarLimits, window: Window): Generator<number | Member, void, void> {
  let entries = 0;
  let unpacked = 0;
  for (;;) {
    yield BLOCK;
    if (entries === 0 && unpacked === 0) expectTar(archive, window);
    if (isEndMarker(archive, window)) break;
    let extended: ExtendedHeaders | undefined;
    while (isExtended(window)) {
      extended ??= new ExtendedHeaders(archive);
      const kind = typeflagOf(window);
      extended.add(kind, yield* extendedContent(archive, window, limits));
      yield BLOCK;
      if (isEndMarker(archive, window)) {
        refuse("TAR_TRUNCATED", archive, "an extended header is followed by the end instead of its entry");
      }
    }
    const member = parseMember(archive, window, extended);
    if (++entries > limits.entries) {
      refuse("TAR_TOO_LARGE", archive, `it has more than ${limits.entries} entries`, member.path);
    }
    unpacked += member.size;
    if (unpacked > limits.unpacked) {
      refuse("TAR_TOO_LARGE", archive, `its files are larger than ${limits.unpacked} bytes together`, member.path);
    }
    yield member;
  }
  yield* expectOnlyZeros(archive, window);
}

/** A file that is too short for a single header is most likely no tar at all. */
function expectTar(archive: string, { bytes, at, length }: Window): void {
  const magic = bytes.toString("latin1", at + FIELD.magic[0], Math.min(at + FIELD.magic[0] + 5, at + length));
  if (length > 0 && length < BLOCK && magic !== "ustar") {
    refuse("TAR_NOT_TAR", archive, `it is not a tar: it has ${length} bytes and no tar header`);
  }
}

/** Whether the block is the first of the end marker; if not, it is a sound header. */
function isEndMarker(archive: string, window: Window): boolean {
  if (window.length < BLOCK) {
    // An archive cut between two entries looks complete but for its missing end marker.
    refuse("TAR_TRUNCATED", archive, "it ends without the end-of-archive marker; expected two blocks of zeros");
  }
  if (window.bytes[window.at] === 0 && isZero(window)) return true;
  if (numberField(window, "checksum") !== checksum(window.bytes, window.at)) {
    refuse(
      "TAR_NOT_TAR",
      archive,
      "it is not a tar, or a damaged one: expected a header with its checksum, found other data",
    );
  }
  return false;
}

function* expectOnlyZeros(archive: string, window: Window): Generator<number, void, void> {
  for (;;) {
    yield 64 * BLOCK;
    if (!isZero(window)) refuse("TAR_TRAILING_DATA", archive, "data follows the end-of-archive marker");
    if (window.length < 64 * BLOCK) return;
  }
}

function isExtended(window: Window): boolean {
  const code = window.bytes[window.at + FIELD.typeflag[0]];
  return code === 0x78 || code === 0x67 || code === 0x4c || code === 0x4b; // x g L K
}

function* extendedContent(archive: string, window: Window, limits: TarLimits): Generator<number, Buffer, void> {
  const size = numberField(window, "size");
  if (size === undefined || size < 1 || size > limits.extendedHeader) {
    const found = size ?? "an unreadable number of";
    return refuse(
      "TAR_EXTENDED_HEADER",
      archive,
      `an extended header has ${found} bytes; expected 1 to ${limits.extendedHeader}`,
    );
  }
  const padded = Math.ceil(size / BLOCK) * BLOCK;
  yield padded;
  if (window.length < padded) refuse("TAR_TRUNCATED", archive, "it ends within an extended header");
  // xattrs keep parts of it, and the next header will take its place in the window.
  return Buffer.from(window.bytes.subarray(window.at, window.at + size));
}
