import { constants, crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { BaseKitError, isBaseKitError, printable } from "@base-kit/core";

/** One gzip member of a file that is several of them in a row. */
export interface GzipMember {
  /** As it stands in the file. */
  readonly compressed: Buffer;
  readonly bytes: Buffer;
}

const FLAG = { headerChecksum: 2, extra: 4, name: 8, comment: 16 } as const;
const FIXED_HEADER = 10;
const TRAILER = 8;

/** Deflate makes at most a thousandth of something, and what is in packages a tenth; the room is for small files of one byte value. */
const EXPANSION_AT_MOST = 200;
const ROOM = 64 * 1024 ** 2;
/** What one buffer of Node 20 holds, less the byte by which more than that is noticed. */
const BUFFER_AT_MOST = 2 ** 32 - 1;

/** Bytes that a file of so many may unpack to. */
export function unpackedAtMost(size: number, most: number = BUFFER_AT_MOST): number {
  return Math.min(size * EXPANSION_AT_MOST + ROOM, most);
}

export interface MembersOptions {
  /** For messages: the file's name. */
  readonly name: string;
  /** Bytes that all members together may have when unpacked. */
  readonly limit: number;
  /** Byte at which the first of them begins. */
  readonly start?: number;
}

/**
 * Takes a file apart at the borders of its gzip members (RFC 1952): what is signed or hashed in an apk are single members.
 *
 * @throws BaseKitError `APK_ARCHIVE` (verification) for anything but whole members one after another
 */
export function* gzipMembers(
  file: Buffer,
  { name, limit, start = 0 }: MembersOptions,
): Generator<GzipMember, void, void> {
  let left = limit;
  for (let at = start; at < file.length; ) {
    const member = memberAt(file, { name, limit: left, start: at });
    left -= member.bytes.length;
    at += member.compressed.length;
    yield member;
  }
}

/** @throws BaseKitError `APK_ARCHIVE` (verification) */
export function memberAt(file: Buffer, { name, limit, start = 0 }: MembersOptions): GzipMember {
  const body = start + headerLength(file, start, name);
  let unpacked: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  try {
    // The types know nothing of `info`, which tells how much of the input the member took.
    unpacked = inflateRawSync(file.subarray(body), { info: true, maxOutputLength: limit + 1 }) as never;
  } catch (error) {
    return refuse(name, `the gzip member at byte ${start} is damaged or unpacks to more than ${limit} bytes`, error);
  }
  const { buffer: bytes, engine } = unpacked;
  if (bytes.length > limit) refuse(name, `the gzip member at byte ${start} unpacks to more than ${limit} bytes`);
  const trailer = body + engine.bytesWritten;
  const end = requireTrailer(file, trailer, { name, start, checksum: crc32(bytes), length: bytes.length });
  return { compressed: file.subarray(start, end), bytes };
}

/** As much as is at hand of what a member unpacks to, in bytes: few calls, and little memory. */
const PIECE = 256 * 1024;

/**
 * What the members unpack to, in pieces and without holding all of it: each is unpacked by a thread while the one before it is read.
 *
 * @throws BaseKitError `APK_ARCHIVE` (verification) as {@link gzipMembers}; a checksum is compared after its member's last piece
 */
export async function* gzipPieces(
  file: Buffer,
  { name, limit, start = 0 }: MembersOptions,
): AsyncGenerator<Buffer, void, void> {
  let left = limit;
  for (let at = start; at < file.length; ) {
    const body = at + headerLength(file, at, name);
    const inflate = createInflateRaw({ chunkSize: PIECE });
    inflate.end(file.subarray(body));
    let checksum = 0;
    let length = 0;
    try {
      for await (const bytes of inflate as AsyncIterable<Buffer>) {
        length += bytes.length;
        if (length > left) refuse(name, `the gzip member at byte ${at} unpacks to more than ${left} bytes`);
        checksum = crc32(bytes, checksum);
        yield bytes;
      }
    } catch (error) {
      if (isBaseKitError(error)) throw error;
      refuse(name, `the gzip member at byte ${at} is damaged`, error);
    }
    left -= length;
    at = requireTrailer(file, body + inflate.bytesWritten, { name, start: at, checksum, length });
  }
}

/** @returns the byte behind the member */
function requireTrailer(
  file: Buffer,
  at: number,
  { name, start, checksum, length }: { name: string; start: number; checksum: number; length: number },
): number {
  const end = at + TRAILER;
  if (end > file.length) refuse(name, `the gzip member at byte ${start} is cut off`);
  const isRight = file.readUInt32LE(at) === checksum && file.readUInt32LE(at + 4) === length % 2 ** 32;
  if (!isRight) refuse(name, `the gzip member at byte ${start} has a wrong checksum`);
  return end;
}

/** As much input as is looked at for the beginning of a member. */
const GLANCE = 1024;

/** The first bytes that a member unpacks to, how large it may be. */
export function beginningAt(file: Buffer, { name, start }: { readonly name: string; readonly start: number }): Buffer {
  const body = start + headerLength(file, start, name);
  try {
    return inflateRawSync(file.subarray(body, body + GLANCE), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    return refuse(name, `the gzip member at byte ${start} is damaged`, error);
  }
}

/** What is no signed archive of apk. */
export function refuse(name: string, why: string, cause?: unknown): never {
  throw new BaseKitError("APK_ARCHIVE", `${printable(name)} is not a signed archive of apk: ${why}`, {
    kind: "verification",
    hint: "It may be damaged or cut off; fetch it again or use another mirror. Nothing of it was used.",
    cause,
  });
}

function headerLength(file: Buffer, start: number, name: string): number {
  const cut = (): never => refuse(name, `the gzip member at byte ${start} is cut off`);
  if (start + FIXED_HEADER > file.length) return cut();
  if (file[start] !== 0x1f || file[start + 1] !== 0x8b || file[start + 2] !== 8)
    return refuse(name, `byte ${start} does not begin a gzip member`);
  const flags = file[start + 3] as number;
  let at = start + FIXED_HEADER;
  if (flags & FLAG.extra) {
    if (at + 2 > file.length) return cut();
    at += 2 + file.readUInt16LE(at);
  }
  for (const flag of [FLAG.name, FLAG.comment]) {
    if (!(flags & flag)) continue;
    const zero = file.indexOf(0, at);
    if (zero < 0) return cut();
    at = zero + 1;
  }
  if (flags & FLAG.headerChecksum) at += 2;
  return at > file.length ? cut() : at - start;
}
