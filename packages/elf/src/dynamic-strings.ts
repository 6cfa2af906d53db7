import { createDecoder } from "./decode.ts";
import { dynamicStringTable } from "./dynamic.ts";
import { readHeader } from "./header.ts";
import { readProgramHeaders } from "./program-headers.ts";
import type { ElfSource } from "./source.ts";

const STRINGS_AT_MOST = 64n * 1024n ** 2n;

/** All names the dynamic linker sees, each ended by a zero byte: symbols that a program takes from its libraries are among them. */
export function dynamicStrings(source: ElfSource, name: string): Buffer {
  const file = createDecoder(source, name);
  const header = readHeader(file);
  const table = dynamicStringTable(file, readProgramHeaders(file, header), header);
  if (table === undefined || table.length > STRINGS_AT_MOST) return Buffer.alloc(0);
  return file.bytes(table.offset, table.length, "the dynamic string table");
}
