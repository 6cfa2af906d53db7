import { setImmediate } from "node:timers/promises";
import type { Context } from "@base-kit/core";

/** Between two pieces of work: lets the event loop run where it is time to, and stops what was interrupted. */
export type Pause = () => Promise<void>;

/** Reading files one after another would let nobody hear a Ctrl-C until it is over. A pause for each file would cost more than the reading. */
const EVERY_MS = 50;

export function pausing({ clock, signal }: Pick<Context, "clock" | "signal">): Pause {
  let last = clock.monotonicMs();
  return async () => {
    signal.throwIfAborted();
    if (clock.monotonicMs() - last < EVERY_MS) return;
    await setImmediate();
    last = clock.monotonicMs();
    signal.throwIfAborted();
  };
}
