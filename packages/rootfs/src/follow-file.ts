import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A file that is read while it is made. */
export interface FollowedFile {
  /** So many more of its bytes are as they will stay. */
  advance(count: number): void;
  /** It is complete; or with an error, it will not be. */
  end(error?: unknown): void;
  /**
   * All of it, in its order; waits for what is still to come, and fails with what ended it. To be read once. A chunk holds its bytes
   * until the next but one is asked for.
   */
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
      // New memory for each chunk costs more than to read it: every page of it is a fault.
      const buffers = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)] as const;
      for (let at = 0, turn = 0; ; ) {
        if (ending !== undefined && "error" in ending) throw ending.error;
        if (at < settled) {
          const into = buffers[turn++ % 2 === 0 ? 0 : 1];
          const bytes = readAt(path, at, into.subarray(0, settled - at));
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
function readAt(path: string, position: number, into: Buffer): Buffer {
  const file = openSync(path, "r");
  try {
    return into.subarray(0, readSync(file, into, 0, into.length, position));
  } finally {
    closeSync(file);
  }
}
