import type { Event } from "@base-kit/core";
import { expect, test } from "vitest";
import { followProgress, parseProgressLine } from "../src/progress.ts";

test.each([
  ["I: Retrieving adduser 3.134", { phase: "retrieving", package: "adduser" }],
  ["I: Extracting libc6...", { phase: "extracting", package: "libc6" }],
  ["I: Unpacking libc6:amd64...", { phase: "unpacking", package: "libc6:amd64" }],
  ["I: Configuring libc-bin...", { phase: "configuring", package: "libc-bin" }],
  ["I: Retrieving InRelease ", undefined],
  ["I: Validating adduser 3.134", undefined],
  ["I: Unpacking required packages...", undefined],
  ["I: Configuring the base system...", undefined],
  ["W: Retrieving adduser 3.134", undefined],
  ["", undefined],
])("%j means %j", (line, expected) => {
  expect(parseProgressLine(line)).toEqual(expected);
});

test("each phase is a step that counts packages, and the last one fails with debootstrap", async () => {
  const events: Event[] = [];
  const context = {
    reporter: { emit: (event: Event) => events.push(event) },
    clock: { now: () => 0, monotonicMs: () => 0 },
  };
  const progress = followProgress(context);
  const lines = [
    "Retrieving a 1",
    "Retrieving b 1",
    "Retrieving a 1",
    "Extracting a...",
    "Unpacking a...",
    "Unpacking b...",
  ];
  for (const line of lines) progress.line(`I: ${line}`);
  progress.end(true);
  await Promise.resolve();
  const told = events.map((event) =>
    event.type === "step.progressed"
      ? `${event.done}/${event.total} ${event.detail}`
      : event.type === "step.ended"
        ? `${event.outcome} ${event.title}: ${event.detail}`
        : event.type,
  );
  expect(told.filter((text) => !text.startsWith("step"))).toEqual(
    expect.arrayContaining([
      "2/undefined b",
      "done retrieving packages: 2 packages",
      "1/2 a",
      "done extracting packages: 1 package",
      "2/2 b",
      "failed unpacking packages: 2 packages",
    ]),
  );
});
