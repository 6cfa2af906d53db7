import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { removeTree } from "../src/index.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const source = new URL("../src/index.ts", import.meta.url).href;

/** A program as a command line would write it: works until the signal aborts, cleans up for `cleaningMs`. */
async function start(cleaningMs: number, also = "") {
  const script = `import { abortOnSignals } from ${JSON.stringify(source)};
    ${also}
    const watch = abortOnSignals();
    watch.signal.addEventListener("abort", () => {
      console.log(watch.signal.reason.code + " " + watch.signal.reason.message);
      setTimeout(() => { watch.dispose(); console.log("clean"); process.exit(watch.exitCode()); }, ${cleaningMs});
    });
    setInterval(() => {}, 1000);
    console.log("up");`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--conditions", "@base-kit/source", "--input-type=module", "-e", script],
    { cwd: root, stdio: ["pipe", "pipe", "inherit"] },
  );
  const output: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  await once(child.stdout, "data");
  return { child, output };
}

/** Time stands still until something is written to its input; it tells each signal that it has heard. */
const TIME_STANDS_STILL = `
    let now = performance.now();
    performance.now = () => now;
    process.stdin.on("data", () => { now += 500; console.log("later"); });
    process.on("SIGINT", () => setImmediate(() => console.log("heard")));`;

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s stops the work, which cleans up and ends with %d", async (signal, expected) => {
  const { child, output } = await start(10);
  child.kill(signal);
  const [code] = await once(child, "close");
  expect(code).toBe(expected);
  expect(output.join("")).toBe(`up\nINTERRUPTED stopped by ${signal}\nclean\n`);
});

test("the same key press heard twice does not stop the clean-up; a second one does", async () => {
  const { child, output } = await start(60_000, TIME_STANDS_STILL);
  const says = (text: string, times: number) =>
    expect.poll(() => output.join("").split(`${text}\n`).length - 1).toBe(times);
  child.kill("SIGINT");
  await says("heard", 1);
  child.kill("SIGINT");
  await says("heard", 2);
  expect(child.exitCode).toBeNull();
  child.stdin.write("x");
  await says("later", 1);
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  expect(code).toBe(130);
  expect(output.join("")).not.toContain("clean");
});

test("a signal in the middle of everything leaves no process and no directory", async () => {
  const parent = mkdtempSync(join(tmpdir(), "signals-test-"));
  const script = `import { abortOnSignals, createContext } from ${JSON.stringify(source)};
    const watch = abortOnSignals();
    const createStore = () => ({ get: async () => undefined, put: async () => "" });
    const context = await createContext({ createStore, cacheDir: ${JSON.stringify(parent)}, env: {}, signal: watch.signal });
    try {
      await context.exec("sh", ["-c", "sleep 60 & echo $!; wait"], { onStdoutLine: (line) => console.log(line) });
    } catch (error) {
      console.log(error.code);
    } finally {
      await context[Symbol.asyncDispose]();
      process.exitCode = watch.exitCode();
      watch.dispose();
    }`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--conditions", "@base-kit/source", "--input-type=module", "-e", script],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  expect(code).toBe(143);
  expect(output).toMatch(/^\d+\nINTERRUPTED\n$/);
  expect(readdirSync(join(parent, "tmp"))).toEqual([]);
  expect(isRunning(Number.parseInt(output, 10))).toBe(false);
  removeTree(parent);
});

/** An ended process may still wait to be collected. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
