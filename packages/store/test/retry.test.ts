import { BaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createTries, parseRetryAfter, Temporary } from "../src/retry.ts";
import { testContext } from "./in-context.ts";

const NOW = Date.UTC(2024, 0, 1, 12, 0, 0) / 1000;

test.each([
  [undefined, undefined],
  ["0", 0],
  ["120", 120],
  [" 5 ", 5],
  ["Mon, 01 Jan 2024 12:00:30 GMT", 30],
  ["Mon, 01 Jan 2024 11:00:00 GMT", 0],
  ["soon", undefined],
  ["-5", undefined],
  ["", undefined],
])("Retry-After %j is %j seconds", (value, expected) => {
  expect(parseRetryAfter(value, NOW)).toBe(expected);
});

test("whatever a server sends, it is no number or one that is not negative", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const seconds = parseRetryAfter(value, NOW);
      expect(seconds === undefined || seconds >= 0).toBe(true);
    }),
  );
});

test.each([[[1]], [[]]])("who was stopped tries nothing again, and does not say so: delays %j", async (delays) => {
  const reason = new Error("stopped");
  const context = testContext({ signal: AbortSignal.abort(reason) });
  const failure = new Temporary(new BaseKitError("FETCH_FAILED", "the connection broke", { kind: "network" }));
  await expect(createTries(context, delays).next(failure)).rejects.toBe(reason);
  expect(context.events).toEqual([]);
  context.remove();
});
