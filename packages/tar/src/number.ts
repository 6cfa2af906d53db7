/**
 * A numeric header field: octal digits between spaces and NULs (POSIX), or base-256 with the top bit set (GNU, star).
 * Undefined when it is neither, or too large to be exact.
 */
export function parseNumber(block: Uint8Array, offset: number, length: number): number | undefined {
  const first = block[offset] as number;
  if ((first & 0x80) !== 0) return parseBase256(block, offset, length);
  let at = offset;
  const end = offset + length;
  while (at < end && block[at] === 0x20) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] as number;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  for (; at < end; at++) if (block[at] !== 0x20 && block[at] !== 0) return undefined;
  return value;
}

function parseBase256(block: Uint8Array, offset: number, length: number): number | undefined {
  const negative = block[offset] === 0xff;
  if (!negative && block[offset] !== 0x80) return undefined;
  let value = 0n;
  for (let at = offset + 1; at < offset + length; at++) value = (value << 8n) | BigInt(block[at] as number);
  if (negative) value -= 1n << BigInt(8 * (length - 1));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The largest value of a field of zero-padded octal digits and a NUL. */
export function octalLimit(length: number): number {
  return 8 ** (length - 1) - 1;
}

/** A decimal number of seconds, as pax writes it, in whole seconds (rounded down, as stat(1) shows them). */
export function parseDecimalSeconds(text: string): number | undefined {
  if (!/^-?\d{1,16}(?:\.\d*)?$/.test(text)) return undefined;
  const seconds = Math.floor(Number(text));
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

/** A whole decimal number, as pax writes sizes and ids. */
export function parseDecimal(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
