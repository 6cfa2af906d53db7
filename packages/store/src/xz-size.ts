/**
 * How many bytes the only stream of .xz data unpacks to, as the index at its end says; undefined where that cannot be told. Nothing
 * is verified here: it is for making room.
 *
 * Source: The .xz File Format 1.2.1, §2.1.2 (footer) and §4 (index)
 */
export function xzContentSize(data: Uint8Array): number | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const footer = bytes.length - 12;
  if (footer < 12 || bytes.toString("latin1", bytes.length - 2) !== "YZ") return undefined;
  const start = footer - (bytes.readUInt32LE(footer + 4) + 1) * 4;
  if (start < 12 || bytes[start] !== 0) return undefined;
  let at = start + 1;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; at < footer; factor *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  let packed = 0;
  let size = 0;
  for (let records = number(); records > 0 && at < footer; records--) {
    packed += Math.ceil(number() / 4) * 4;
    size += number();
  }
  // Anything else than one stream from the beginning has blocks that this index does not know.
  return 12 + packed === start && Number.isSafeInteger(size) ? size : undefined;
}
