import type { ByteString } from "@base-kit/core";
import { createDecoder } from "./decode.ts";
import type { Dynamic } from "./dynamic.ts";
import { readDynamic } from "./dynamic.ts";
import type { ElfHeader } from "./header.ts";
import { readHeader } from "./header.ts";
import { readInterpreter } from "./interpreter.ts";
import type { Notes } from "./notes.ts";
import { readNotes } from "./notes.ts";
import { readProgramHeaders } from "./program-headers.ts";
import type { ElfSource } from "./source.ts";
import { bytesSource, withFileSource } from "./source.ts";

export type { Dynamic } from "./dynamic.ts";
export type { ElfType } from "./header.ts";
export { isElf } from "./header.ts";
export type { DlopenNote } from "./notes.ts";
export type { VersionNeed } from "./versions.ts";

/** What a program or library says about itself and about what it loads. Read, never run. */
export interface Elf extends Omit<ElfHeader, "programHeaders"> {
  /** `PT_INTERP`: who loads the libraries; absent in a static program and in a library. */
  readonly interpreter?: ByteString;
  /** Absent when there is no dynamic section. */
  readonly dynamic?: Dynamic;
  /** Absent when there are no notes of the kinds that are read. */
  readonly notes?: Notes;
}

/**
 * Reads what the kernel and the dynamic linker would: header, program headers, interpreter, dynamic section. No section
 * headers. Every read is checked against the size first, every table has a limit, nothing is followed twice.
 *
 * @param source the bytes, or a way to read some of them
 * @param name what messages call the program
 * @throws BaseKitError `ELF_NOT_ELF`, `ELF_TRUNCATED`, `ELF_MALFORMED` (unsupported)
 */
export function readElf(source: ElfSource | Uint8Array, name: string): Elf {
  const file = createDecoder(source instanceof Uint8Array ? bytesSource(source) : source, name);
  const { programHeaders, ...facts } = readHeader(file);
  const segments = readProgramHeaders(file, { ...facts, programHeaders });
  const interpreter = readInterpreter(file, segments);
  const dynamic = readDynamic(file, segments, facts);
  const notes = readNotes(file, segments, facts);
  return {
    ...facts,
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(dynamic === undefined ? {} : { dynamic }),
    ...(notes === undefined ? {} : { notes }),
  };
}

/**
 * `readElf` of a file on disk.
 *
 * @throws BaseKitError as `readElf`, and `ELF_UNREADABLE` (environment)
 */
export function readElfFile(path: string, options: { readonly name?: string } = {}): Elf {
  const name = options.name ?? path;
  return withFileSource(path, (source) => readElf(source, name), name);
}
