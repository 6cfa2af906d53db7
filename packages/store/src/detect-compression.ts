export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "none";

/** Bytes that {@link detectCompression} wants to see. */
export const DETECTION_SIZE = 6;

/** What a file is by its first bytes; its name may lie. */
export function detectCompression(head: Uint8Array): Compression {
  const starts = (...bytes: readonly number[]) => bytes.every((byte, index) => head[index] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  // The second is a skippable frame: RFC 8878 §3.1.2.
  if (starts(0x28, 0xb5, 0x2f, 0xfd) || ((head[0] ?? 0) >> 4 === 5 && head.length >= 4 && skippable(head)))
    return "zstd";
  if (starts(0x42, 0x5a, 0x68)) return "bzip2";
  return "none";
}

function skippable(head: Uint8Array): boolean {
  return head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
}
