import { expect, test } from "vitest";
import { createHandoff } from "../src/handoff.ts";

test("values come in order, and a pusher waits for its taker", async () => {
  const handoff = createHandoff<number>();
  let pushed = 0;
  const pushing = (async () => {
    for (; pushed < 100; pushed++) await handoff.push(pushed);
    handoff.end();
  })();
  const taken: number[] = [];
  for await (const value of handoff.values()) {
    await new Promise(setImmediate);
    // One is being used and one waits.
    expect(pushed).toBeLessThanOrEqual(taken.length + 1);
    taken.push(value);
  }
  await pushing;
  expect(taken).toEqual(Array.from({ length: 100 }, (_, index) => index));
});

test("an error comes after the values before it", async () => {
  const handoff = createHandoff<string>();
  handoff.push("last words").then(() => handoff.end(new Error("broke")));
  const values = handoff.values();
  expect(await values.next()).toEqual({ done: false, value: "last words" });
  await expect(values.next()).rejects.toThrow("broke");
});

test("a taker that leaves turns the pusher away", async () => {
  const handoff = createHandoff<number>();
  const values = handoff.values();
  const first = handoff.push(1);
  await values.next();
  await first;
  const second = handoff.push(2);
  await values.return();
  await expect(second).rejects.toThrow("nobody takes any more");
  await expect(handoff.push(3)).rejects.toThrow("nobody takes any more");
});
