import type { ByteString } from "@base-kit/core";
import { bytesFromBuffer } from "@base-kit/core";
import type { Decoder } from "./decode.ts";
import { malformed } from "./decode.ts";

export interface StringTable {
  /** The string that begins at an offset of the table. */
  at(offset: bigint, what: string): ByteString;
}

/** Library paths of Nix and Spack programs reach some thousands of bytes. */
const STRING_AT_MOST = 65_536n;
const FIRST_READ = 256n;

/**
 * Reads strings where they are: the whole table of a large C++ program has megabytes, of which the linker's own names
 * are a few hundred bytes.
 */
export function createStringTable(file: Decoder, start: bigint, size: bigint): StringTable {
  return {
    at: (offset, what) => {
      if (offset >= size) throw malformed(file.name, `${what} is at ${offset} in a string table of ${size} bytes`);
      const limit = smaller(size - offset, STRING_AT_MOST);
      for (let length = smaller(FIRST_READ, limit); ; length = smaller(length * 8n, limit)) {
        const bytes = file.bytes(start + offset, length, what);
        const end = bytes.indexOf(0);
        if (end >= 0) return bytesFromBuffer(bytes, 0, end);
        if (length === limit) throw malformed(file.name, `${what} has no end within ${limit} bytes`);
      }
    },
  };
}

function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}
