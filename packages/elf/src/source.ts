import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { BaseKitError, bytesFromBuffer, printable, systemErrorReason } from "@base-kit/core";

/** Bytes at offsets: a program is read at the few places that matter, however large it is. */
export interface ElfSource {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `offset` on, where `offset + length` is at most `size`; fewer when the file was cut meanwhile. */
  read(offset: number, length: number): Uint8Array;
}

export function bytesSource(bytes: Uint8Array): ElfSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/**
 * Lets `work` read a regular file. Synchronous: a handful of small reads costs less than the promises for them.
 *
 * @param name what messages call the file, where that is not its path
 * @throws BaseKitError `ELF_UNREADABLE` (environment) when it is missing, not a regular file, or cannot be read
 */
export function withFileSource<T>(
  path: string | Buffer,
  work: (source: ElfSource) => T,
  name: string = typeof path === "string" ? path : bytesFromBuffer(path),
): T {
  const file = whileReading(name, () => openSync(path, OPEN_FLAGS));
  try {
    const stat = whileReading(name, () => fstatSync(file));
    if (!stat.isFile()) throw unreadable(name, "it is not a regular file");
    const read = (offset: number, length: number) => whileReading(name, () => readAt(file, offset, length));
    return work(inBlocks({ size: stat.size, read }));
  } finally {
    closeSync(file);
  }
}

// Without O_NONBLOCK the opening of a named pipe waits for a writer that may never come.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

const BLOCK = 16 * 1024;

/** A reader asks for many neighbouring names: one system call for all of them. */
function inBlocks({ size, read }: ElfSource): ElfSource {
  const blocks = new Map<number, Uint8Array>();
  return {
    size,
    read: (offset, length) => {
      const index = Math.floor(offset / BLOCK);
      const inside = offset - index * BLOCK;
      if (inside + length > BLOCK) return read(offset, length);
      let block = blocks.get(index);
      if (block === undefined) {
        block = read(index * BLOCK, Math.min(BLOCK, size - index * BLOCK));
        blocks.set(index, block);
      }
      return block.subarray(inside, inside + length);
    },
  };
}

function readAt(file: number, offset: number, length: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, buffer, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

function whileReading<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unreadable(name, systemErrorReason(error), error);
  }
}

function unreadable(name: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("ELF_UNREADABLE", `reading the program ${printable(name)} failed: ${why}`, {
    kind: "environment",
    cause,
  });
}
