import { afterEach, expect, test } from "vitest";
import { createExec } from "../src/index.ts";

let busy: NodeJS.Timeout | undefined;
afterEach(() => clearInterval(busy));

/** As on a machine with too much to do: between any two steps of this process time passes. */
function keepBusy(milliseconds: number): void {
  busy = setInterval(() => {
    for (const until = performance.now() + milliseconds; performance.now() < until; );
  }, 1);
}

// Alone in its file: it takes the five seconds a program gets to clean up.
test.each([
  ["after five seconds", {}, { busyMs: 0, atLeast: 4900 }],
  ["sooner where there is nothing to clean up", { graceMs: 100 }, { busyMs: 0, atLeast: 90 }],
  ["no later on a busy machine", { graceMs: 1000 }, { busyMs: 200, atLeast: 990 }],
])("a program that ignores SIGTERM is killed %s", async (_, options, { busyMs, atLeast }) => {
  const controller = new AbortController();
  const script = "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)";
  let pid = 0;
  let aborted = 0;
  const work = createExec({ signal: controller.signal })(process.execPath, ["-e", script], {
    ...options,
    onStdoutLine: (line) => {
      pid = Number(line);
      if (busyMs > 0) keepBusy(busyMs);
      aborted = performance.now();
      controller.abort(new Error("enough"));
    },
  });
  await expect(work).rejects.toThrow("enough");
  const waited = performance.now() - aborted;
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(waited).toBeGreaterThan(atLeast);
  expect(waited).toBeLessThan(atLeast + 3000);
});
