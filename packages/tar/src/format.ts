/** The ustar header block: POSIX.1-2017, pax, "ustar Interchange Format". Offsets and lengths in bytes. */
export const BLOCK = 512;

export const FIELD: Readonly<Record<Field, readonly [offset: number, length: number]>> = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
};

export type Field =
  | "name"
  | "mode"
  | "uid"
  | "gid"
  | "size"
  | "mtime"
  | "checksum"
  | "typeflag"
  | "linkname"
  | "magic"
  | "uname"
  | "gname"
  | "devmajor"
  | "devminor"
  | "prefix";

/** Bytes that follow content of this size up to the next block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Sum of the header's bytes with its own field counted as spaces. */
export function checksum(block: Uint8Array, offset = 0): number {
  const [at, length] = FIELD.checksum;
  let sum = 0x20 * length;
  for (let i = offset; i < offset + at; i++) sum += block[i] as number;
  for (let i = offset + at + length; i < offset + BLOCK; i++) sum += block[i] as number;
  return sum;
}
