import { expect, test } from "vitest";
import { createExec } from "../src/index.ts";

// Alone in its file: it takes the five seconds a program gets to clean up.
test("a program that ignores SIGTERM is killed", { timeout: 20_000 }, async () => {
  const controller = new AbortController();
  const script = "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)";
  let pid = 0;
  const work = createExec({ signal: controller.signal })(process.execPath, ["-e", script], {
    onStdoutLine: (line) => {
      pid = Number(line);
      controller.abort(new Error("enough"));
    },
  });
  await expect(work).rejects.toThrow("enough");
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
