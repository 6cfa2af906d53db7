import { type ByteString, bytesFromBuffer } from "@base-kit/core";

/** One pax record: keyword and raw value. Values are bytes: xattrs hold anything. */
export interface PaxRecord {
  readonly key: ByteString;
  readonly value: Uint8Array;
}

/**
 * The records of a pax extended header, POSIX.1-2017 "pax Extended Header": `length keyword=value\n`, the length in decimal
 * and counting itself. Gives a reason instead when the block is not exactly a sequence of such records.
 */
export function parsePax(block: Uint8Array): readonly PaxRecord[] | { readonly refused: string } {
  const records: PaxRecord[] = [];
  for (let at = 0; at < block.length; ) {
    const space = block.indexOf(0x20, at);
    const digits = space < 0 || space - at > 7 ? "" : bytesFromBuffer(block, at, space);
    if (!/^[1-9][0-9]*$/.test(digits)) return { refused: "a pax record does not start with its length" };
    const end = at + Number(digits);
    if (end > block.length || end <= space + 1) return { refused: "a pax record is longer than its header" };
    if (block[end - 1] !== 0x0a) return { refused: "a pax record does not end in a newline" };
    const equals = block.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || equals === space + 1) return { refused: "a pax record has no keyword" };
    records.push({ key: bytesFromBuffer(block, space + 1, equals), value: block.subarray(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** The bytes of one record; its length counts its own digits. */
export function encodePax({ key, value }: PaxRecord): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length += 1;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.from("\n")]);
}
