import type { Context } from "@base-kit/core";

/**
 * Does the work for each item, so many at once. After the first failure nothing is begun, what is running is stopped by its signal, and
 * the failure is thrown when all of it has come to its end.
 */
export async function atOnce<T>(
  items: readonly T[],
  { count, signal }: { readonly count: number } & Pick<Context, "signal">,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && failure === undefined; item = waiting.shift()) {
      await work(item, both).catch((error: unknown) => {
        failure ??= { error };
        stop.abort(error);
      });
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  if (failure !== undefined) throw failure.error;
}
