import type { Context } from "@base-kit/core";
import { allAtOnce } from "@base-kit/store";
import { expect, test } from "vitest";

const context = (signal = new AbortController().signal) => ({ signal }) as Context;
const stopped = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

test("gives what came of each in its order, a few at a time", async () => {
  let running = 0;
  let most = 0;
  const squares = await allAtOnce([...Array(40).keys()], context(), async (n) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, (n * 7) % 3));
    running--;
    return n * n;
  });
  expect(squares).toEqual([...Array(40).keys()].map((n) => n * n));
  expect(most).toBe(8);
});

test("the first failure stops the others, and is thrown when all of them have ended", async () => {
  const failure = new Error("the first");
  const ended: number[] = [];
  const work = async (n: number, { signal }: Context) => {
    if (n === 1) throw failure;
    await stopped(signal).catch(() => new Promise((resolve) => setTimeout(resolve, 5)));
    ended.push(n);
    throw new Error("because of it");
  };
  await expect(allAtOnce([...Array(20).keys()], context(), work)).rejects.toBe(failure);
  expect(ended).toEqual([0, 2, 3, 4, 5, 6, 7]);
});

test("an abort stops them with its reason", async () => {
  const abort = new AbortController();
  const running = allAtOnce([1, 2], context(abort.signal), (_, { signal }) => stopped(signal));
  abort.abort("enough");
  await expect(running).rejects.toBe("enough");
});
