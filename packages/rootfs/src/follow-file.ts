import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A file that is read while it is made. */
export interface FollowedFile {
  /** So many more of its bytes are as they will stay. */
  advance(count: number): void;
  /** It is complete; or with an error, it will not be. */
  end(error?: unknown): void;
  /** All of it, in its order; waits for what is still to come, and fails with what ended it. To be read once. */
  bytes(): AsyncGenerator<Buffer, void, void>;
}

const CHUNK = 1024 ** 2;
/** What is settled is being copied into a new file of this name. */
const PAUSE_MS = 2;

export function followFile(path: string): FollowedFile {
  let settled = 0;
  let ending: { readonly error?: unknown } | undefined;
  let wake = () => {};
  return {
    advance: (count) => {
      settled += count;
      wake();
    },
    end: (error) => {
      ending ??= error === undefined ? {} : { error };
      wake();
    },
    bytes: async function* () {
      for (let at = 0; ; ) {
        if (ending !== undefined && "error" in ending) throw ending.error;
        if (at < settled) {
          const bytes = readAt(path, at, Math.min(CHUNK, settled - at));
          if (bytes.length === 0) await sleep(PAUSE_MS);
          else yield bytes;
          at += bytes.length;
        } else if (ending !== undefined) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}

/**
 * Opened each time, because another file may have taken the name: its bytes up to here are the same. They were written just now,
 * so that nothing has to be waited for.
 */
function readAt(path: string, position: number, count: number): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(count);
    return bytes.subarray(0, readSync(file, bytes, 0, count, position));
  } finally {
    closeSync(file);
  }
}
