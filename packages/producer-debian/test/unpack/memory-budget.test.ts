import { expect, test } from "vitest";
import { MemoryBudget } from "../../src/unpack/memory-budget.ts";

/** Works that end when they are told to; which of them are under way. */
function works(budget: MemoryBudget, sizes: readonly number[]) {
  const running = new Set<number>();
  const ends = new Map<number, (error?: Error) => void>();
  const results = sizes.map((size, at) =>
    budget.within(size, () => {
      running.add(at);
      return new Promise<number>((resolve, reject) => {
        ends.set(at, (error) => {
          running.delete(at);
          if (error === undefined) resolve(at);
          else reject(error);
        });
      });
    }),
  );
  const end = async (at: number, error?: Error) => {
    ends.get(at)?.(error);
    await Promise.allSettled([results[at]]);
    await Promise.resolve();
    return [...running];
  };
  return { running, end, results };
}

test("so many work at once, in their order", async () => {
  const { running, end, results } = works(new MemoryBudget({ places: 2, size: 100 }), [1, 1, 1, 1]);
  await Promise.resolve();
  expect([...running]).toEqual([0, 1]);
  expect(await end(1)).toEqual([0, 2]);
  expect(await end(0)).toEqual([2, 3]);
  await end(2);
  await end(3);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
});

test("sizes together do not exceed the budget; what is larger than it works alone", async () => {
  const { running, end, results } = works(new MemoryBudget({ places: 4, size: 10 }), [6, 5, 1, 99, 1]);
  await Promise.resolve();
  expect([...running]).toEqual([0]);
  expect(await end(0)).toEqual([1, 2]);
  expect(await end(1)).toEqual([2]);
  expect(await end(2)).toEqual([3]);
  expect(await end(3)).toEqual([4]);
  await end(4);
  await Promise.all(results);
});

test("a work that fails gives its place back", async () => {
  const { end, results } = works(new MemoryBudget({ places: 1, size: 10 }), [1, 1]);
  await Promise.resolve();
  expect(await end(0, new Error("no"))).toEqual([1]);
  await expect(results[0]).rejects.toThrow("no");
  await end(1);
  expect(await results[1]).toBe(1);
});
