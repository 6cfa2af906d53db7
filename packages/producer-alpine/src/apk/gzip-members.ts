import { crc32, inflateRawSync } from "node:zlib";
import { BaseKitError, printable } from "@base-kit/core";

/** One gzip member of a file that is several of them in a row. */
export interface GzipMember {
  /** As it stands in the file. */
  readonly compressed: Buffer;
  readonly bytes: Buffer;
}

const FLAG = { headerChecksum: 2, extra: 4, name: 8, comment: 16 } as const;
const FIXED_HEADER = 10;
const TRAILER = 8;

/**
 * Takes a file apart at the borders of its gzip members (RFC 1952): what is signed or hashed in an apk are single members.
 *
 * @param limit bytes that all members together may have when unpacked
 * @throws BaseKitError `APK_ARCHIVE` (verification) for anything but whole members one after another
 */
export function* gzipMembers(
  file: Buffer,
  { name, limit }: { readonly name: string; readonly limit: number },
): Generator<GzipMember, void, void> {
  const invalid = (why: string, cause?: unknown): never => {
    throw new BaseKitError("APK_ARCHIVE", `${printable(name)} is not a signed archive of apk: ${why}`, {
      kind: "verification",
      hint: "It may be damaged or cut off; fetch it again or use another mirror. Nothing of it was used.",
      cause,
    });
  };
  let left = limit;
  for (let start = 0; start < file.length; ) {
    const body = start + headerLength(file, start, invalid);
    let unpacked: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
    try {
      // The types know nothing of `info`, which tells how much of the input the member took.
      unpacked = inflateRawSync(file.subarray(body), { info: true, maxOutputLength: left + 1 }) as never;
    } catch (error) {
      return invalid(`the gzip member at byte ${start} is damaged or larger than ${limit} bytes`, error);
    }
    const { buffer: bytes, engine } = unpacked;
    if (bytes.length > left) invalid(`it unpacks to more than ${limit} bytes`);
    left -= bytes.length;
    const end = body + engine.bytesWritten + TRAILER;
    if (end > file.length) invalid(`the gzip member at byte ${start} is cut off`);
    const isRight =
      file.readUInt32LE(end - TRAILER) === crc32(bytes) && file.readUInt32LE(end - 4) === bytes.length % 2 ** 32;
    if (!isRight) invalid(`the gzip member at byte ${start} has a wrong checksum`);
    yield { compressed: file.subarray(start, end), bytes };
    start = end;
  }
}

function headerLength(file: Buffer, start: number, invalid: (why: string) => never): number {
  const cut = (): never => invalid(`the gzip member at byte ${start} is cut off`);
  if (start + FIXED_HEADER > file.length) return cut();
  if (file[start] !== 0x1f || file[start + 1] !== 0x8b || file[start + 2] !== 8)
    return invalid(`byte ${start} does not begin a gzip member`);
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
