import { BaseKitError, printable } from "@base-kit/core";
import type { ElfSource } from "./source.ts";

/** Checked access to one program: nothing outside it is ever read, and every failure names it. */
export interface Decoder {
  /** What messages call the program. */
  readonly name: string;
  /** The first `length` bytes, or as many as there are. */
  head(length: number): Uint8Array;
  /** Exactly `length` bytes. @throws BaseKitError `ELF_TRUNCATED` (unsupported) when they are not all there */
  bytes(offset: bigint | number, length: bigint | number, what: string): Buffer;
  /** @throws BaseKitError `ELF_TRUNCATED` (unsupported) when `bytes` would */
  require(offset: bigint | number, length: bigint | number, what: string): void;
}

export function createDecoder(source: ElfSource, name: string): Decoder {
  const size = BigInt(source.size);
  const truncated = (offset: bigint | number, length: bigint | number, what: string) =>
    new BaseKitError(
      "ELF_TRUNCATED",
      `the program ${printable(name)} is cut short or damaged: ${what} should be ${length} bytes at offset ${offset}, the file has ${size} bytes`,
      { kind: "unsupported", hint: "Compare it with where it came from; build or copy it again." },
    );
  const require = (offset: bigint | number, length: bigint | number, what: string) => {
    if (BigInt(offset) + BigInt(length) > size) throw truncated(offset, length, what);
  };
  return {
    name,
    head: (length) => source.read(0, Math.min(length, source.size)),
    require,
    bytes: (offset, length, what) => {
      require(offset, length, what);
      const read = source.read(Number(offset), Number(length));
      if (read.length !== Number(length)) throw truncated(offset, length, what);
      return Buffer.from(read.buffer, read.byteOffset, read.byteLength);
    },
  };
}

export function malformed(name: string, why: string): BaseKitError {
  return new BaseKitError("ELF_MALFORMED", `the program ${printable(name)} is not a valid ELF file: ${why}`, {
    kind: "unsupported",
    hint: "Linux would refuse to start it, too. Build or copy it again.",
  });
}

/** How the numbers of a program are laid out. */
export interface Layout {
  /** Bits of an address. */
  readonly class: 32 | 64;
  readonly byteOrder: "little" | "big";
}

export function readHalf(buffer: Buffer, offset: number, { byteOrder }: Layout): number {
  return byteOrder === "little" ? buffer.readUInt16LE(offset) : buffer.readUInt16BE(offset);
}

export function readWord(buffer: Buffer, offset: number, { byteOrder }: Layout): number {
  return byteOrder === "little" ? buffer.readUInt32LE(offset) : buffer.readUInt32BE(offset);
}

/** A field as wide as an address. */
export function readAddress(buffer: Buffer, offset: number, layout: Layout): bigint {
  if (layout.class === 32) return BigInt(readWord(buffer, offset, layout));
  return layout.byteOrder === "little" ? buffer.readBigUInt64LE(offset) : buffer.readBigUInt64BE(offset);
}
