import { BaseKitError, printable } from "@base-kit/core";
import type { Decoder, Layout } from "./decode.ts";
import { malformed, readAddress, readHalf, readWord } from "./decode.ts";

/** What an ELF file is for: `shared` is a library, or a program that can be placed at any address. */
export type ElfType = "relocatable" | "executable" | "shared" | "core" | "other";

export interface ElfHeader extends Layout {
  readonly type: ElfType;
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** `EI_OSABI`: 0 is System V, which is what Linux programs carry; 3 is GNU/Linux. */
  readonly osAbi: number;
  readonly entry: bigint;
  readonly programHeaders: { readonly offset: bigint; readonly entrySize: number; readonly count: number };
}

const IDENT_SIZE = 16;
const TYPES: readonly ElfType[] = ["other", "relocatable", "executable", "shared", "core"];

export function isElf(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/** The ELF header: System V gABI, chapter 4, "ELF Header". */
export function readHeader(file: Decoder): ElfHeader {
  if (!isElf(file.head(4))) throw notElf(file.name);
  const ident = file.bytes(0, IDENT_SIZE, "the ELF identification");
  const layout: Layout = { class: classOf(file, ident), byteOrder: byteOrderOf(file, ident) };
  const wide = layout.class === 64;
  const header = file.bytes(0, wide ? 64 : 52, "the ELF header");
  const version = readWord(header, 20, layout);
  if (ident[6] !== 1 || version !== 1) throw malformed(file.name, `its version is ${version}, and only 1 exists`);
  return {
    ...layout,
    type: TYPES[readHalf(header, 16, layout)] ?? "other",
    machine: readHalf(header, 18, layout),
    osAbi: ident[7] ?? 0,
    entry: readAddress(header, 24, layout),
    programHeaders: {
      offset: readAddress(header, wide ? 32 : 28, layout),
      entrySize: readHalf(header, wide ? 54 : 42, layout),
      count: readHalf(header, wide ? 56 : 44, layout),
    },
  };
}

function classOf(file: Decoder, ident: Buffer): 32 | 64 {
  if (ident[4] === 1) return 32;
  if (ident[4] === 2) return 64;
  throw malformed(file.name, `its class is ${ident[4]}, expected 1 (32-bit) or 2 (64-bit)`);
}

function byteOrderOf(file: Decoder, ident: Buffer): "little" | "big" {
  if (ident[5] === 1) return "little";
  if (ident[5] === 2) return "big";
  throw malformed(file.name, `its byte order is ${ident[5]}, expected 1 (little endian) or 2 (big endian)`);
}

function notElf(name: string): BaseKitError {
  return new BaseKitError("ELF_NOT_ELF", `${printable(name)} is not an ELF file: it does not begin with \\x7fELF`, {
    kind: "unsupported",
  });
}
