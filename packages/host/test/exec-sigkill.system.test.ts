import { expect, test } from "vitest";
import { createExec } from "../src/index.ts";

// Alone in its file: it takes the five seconds a program gets to clean up.
test.each([
  ["after five seconds", {}, 4900],
  ["sooner where there is nothing to clean up", { graceMs: 100 }, 90],
])("a program that ignores SIGTERM is killed %s", { timeout: 20_000 }, async (_, options, atLeast) => {
  const controller = new AbortController();
  const script = "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)";
  let pid = 0;
  let aborted = 0;
  const work = createExec({ signal: controller.signal })(process.execPath, ["-e", script], {
    ...options,
    onStdoutLine: (line) => {
      pid = Number(line);
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
