import { type ByteString, bytesFromBuffer } from "@base-kit/core";
import { FIELD, type Field } from "./format.ts";
import { parseNumber } from "./number.ts";

/** The bytes the parser asked for, in place: an object per header would be most of the work of reading it. */
export interface Window {
  bytes: Buffer;
  at: number;
  /** As many as were wanted; fewer only at the end of the input. */
  length: number;
}

export function numberField({ bytes, at }: Window, field: Field): number | undefined {
  const [offset, length] = FIELD[field];
  return parseNumber(bytes, at + offset, length);
}

export function textField({ bytes, at }: Window, field: Field): ByteString {
  const [offset, length] = FIELD[field];
  const start = at + offset;
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return bytesFromBuffer(bytes, start, end);
}

export function isZero({ bytes, at, length }: Window): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function typeflagOf({ bytes, at }: Window): string {
  return String.fromCharCode(bytes[at + FIELD.typeflag[0]] as number);
}
