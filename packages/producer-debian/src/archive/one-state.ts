import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";

/** Milliseconds before the second and the third try: a mirror changes its indexes within seconds, one behind a cache later. */
const DELAYS: readonly number[] = [5_000, 20_000];
/** What an index is that belongs to another Release than the one that was fetched. */
const OF_ANOTHER_STATE: readonly string[] = ["FETCH_MISMATCH", "FETCH_WRONG_SIZE", "FETCH_NOT_FOUND"];

/**
 * Does the work again from its beginning when an index does not fit its Release, as while a mirror takes over a new state: all of it is
 * then read of one state, never some of the old and some of the new.
 *
 * @throws what the work throws the last time
 */
export async function ofOneState<T>(
  work: () => Promise<T>,
  { signal, reporter }: Pick<Context, "signal" | "reporter">,
  delays: readonly number[] = DELAYS,
): Promise<T> {
  for (const delay of delays) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof IndexOfAnotherState)) throw error;
      const seconds = Math.max(1, Math.round(delay / 1000));
      const message = `${error.message}; the mirror may be taking over a new state: looking at all of it again in ${seconds} s`;
      reporter.emit({ type: "noted", message });
      await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
  return work();
}

class IndexOfAnotherState extends BaseKitError {}

/** Marks a failure to fetch an index as one that another state of the mirror may not have. */
export function perhapsOfAnotherState(error: unknown): never {
  if (!isBaseKitError(error) || !OF_ANOTHER_STATE.includes(error.code)) throw error;
  throw new IndexOfAnotherState(error.code, error.message, {
    kind: error.kind,
    hint: "The mirror is not whole, or serves something else than what was signed. Try again later, or use another mirror. Nothing was written.",
    cause: error,
  });
}
