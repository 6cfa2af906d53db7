import { constants, createReadStream, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";

/**
 * A file as a stream that ends with an error when the signal is aborted. A named pipe (`<(tar -c …)` in a shell) is waited for
 * without a thread: one that blocks in the kernel cannot be stopped, and Node waits for it even when the process ends.
 */
export async function openSource(path: string, signal: AbortSignal): Promise<Readable> {
  const found = await stat(path);
  if (!found.isFIFO()) return stoppable(createReadStream(path, { highWaterMark: 1024 ** 2 }), signal);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return stoppable(new Socket({ fd, readable: true, writable: false }), signal);
}

/** The stream, which ends with an error when the signal is aborted, also while nobody reads it yet. */
export function stoppable<T extends Readable>(stream: T, signal: AbortSignal): T {
  // Whoever reads hears of it; without a listener it would end the process before.
  stream.on("error", () => {});
  return addAbortSignal(signal, stream);
}
