import { setMaxListeners } from "node:events";
import type { Context } from "@base-kit/core";

/** As many as there are connections to one host; more files at once would only wait for each other. */
const AT_ONCE = 8;

/**
 * Works on several items at a time and gives what came of each, in their order. The first failure stops the others, by the signal of the
 * context that they are given, and is thrown when all have ended: nobody is left behind who would fetch, or tell that it tries again.
 */
export async function allAtOnce<T, R>(
  items: readonly T[],
  context: Context,
  work: (item: T, within: Context) => Promise<R>,
): Promise<readonly R[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  // Each of the requests listens; Node takes more than ten for a leak.
  setMaxListeners(0, signal);
  const within = { ...context, signal };
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      signal.throwIfAborted();
      const index = next++;
      results[index] = await work(items[index] as T, within);
    }
  };
  const failures: unknown[] = [];
  const workers = Array.from({ length: Math.min(AT_ONCE, items.length) }, () =>
    worker().catch((error: unknown) => {
      failures.push(error);
      stop.abort(error);
    }),
  );
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
  return results;
}
