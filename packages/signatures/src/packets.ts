import { BaseKitError } from "@base-kit/core";

/** One packet of an OpenPGP message or key, its header taken off (RFC 9580 §4). */
export interface Packet {
  /** 2 signature, 6 public key, 13 user id, 14 public subkey. */
  readonly tag: number;
  readonly body: Uint8Array;
}

export const SIGNATURE_PACKET = 2;
export const PUBLIC_KEY_PACKET = 6;
export const PUBLIC_SUBKEY_PACKET = 14;

/**
 * Takes a binary OpenPGP file apart. Keys and signatures are whole packets, so the partial and unknown lengths that only
 * literal data may have are refused.
 *
 * @throws BaseKitError `OPENPGP_MALFORMED` (verification)
 */
export function readPackets(bytes: Uint8Array, subject: string): readonly Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { tag, start, length } = readHeader(bytes, at, subject);
    if (start + length > bytes.length) throw malformed(subject, `the packet at byte ${at} is cut off`);
    packets.push({ tag, body: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return packets;
}

interface Header {
  readonly tag: number;
  readonly start: number;
  readonly length: number;
}

function readHeader(bytes: Uint8Array, at: number, subject: string): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(at);
  if ((first & 0x80) === 0) throw malformed(subject, `there is no packet at byte ${at}`);
  try {
    return (first & 0x40) === 0 ? oldHeader(view, at, first) : newHeader(view, at, first);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw malformed(subject, `the packet header at byte ${at} is cut off or of unknown length`);
  }
}

/** A `RangeError` here means, as from `DataView`, that the length cannot be known. */
function oldHeader(view: DataView, at: number, first: number): Header {
  const tag = (first >> 2) & 0x0f;
  if ((first & 3) === 0) return { tag, start: at + 2, length: view.getUint8(at + 1) };
  if ((first & 3) === 1) return { tag, start: at + 3, length: view.getUint16(at + 1) };
  if ((first & 3) === 2) return { tag, start: at + 5, length: view.getUint32(at + 1) };
  throw new RangeError("indeterminate length");
}

function newHeader(view: DataView, at: number, first: number): Header {
  const tag = first & 0x3f;
  const length = view.getUint8(at + 1);
  if (length < 192) return { tag, start: at + 2, length };
  if (length < 224) return { tag, start: at + 3, length: ((length - 192) << 8) + view.getUint8(at + 2) + 192 };
  if (length === 255) return { tag, start: at + 6, length: view.getUint32(at + 2) };
  throw new RangeError("partial length");
}

function malformed(subject: string, why: string): BaseKitError {
  return new BaseKitError("OPENPGP_MALFORMED", `${subject} is not a whole OpenPGP file: ${why}`, {
    kind: "verification",
  });
}
