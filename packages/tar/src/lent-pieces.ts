import { readSync } from "node:fs";

/** Below it a system call for each piece begins to show; above it the memory for two. */
const PIECE = 256 * 1024;

/**
 * A part of an open file, up to its end or `size` bytes, in memory that is lent: a piece holds its bytes until the next but one is
 * asked for. New memory for each costs more than to read it, because every page of it is a fault.
 */
export function* lentPieces(
  descriptor: number,
  { position = 0, size = Number.POSITIVE_INFINITY }: { readonly position?: number; readonly size?: number } = {},
): Generator<Buffer, void, void> {
  const rooms: [Buffer?, Buffer?] = [];
  for (let done = 0, turn = 0; done < size; turn ^= 1) {
    rooms[turn] ??= Buffer.allocUnsafeSlow(Math.min(PIECE, size - done));
    const room = rooms[turn] as Buffer;
    const read = readSync(descriptor, room, 0, Math.min(room.length, size - done), position + done);
    if (read === 0) return;
    done += read;
    yield room.subarray(0, read);
  }
}
