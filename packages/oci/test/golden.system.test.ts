import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GOLDEN, type Order } from "./golden-images.ts";

const PRINT = fileURLToPath(new URL("print-golden.ts", import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Threads are as many as cores, of which this machine may have fewer. */
const EIGHT_CORES = `--import=data:text/javascript,${encodeURIComponent(
  'import os from "node:os"; import { syncBuiltinESMExports } from "node:module"; os.availableParallelism = () => 8; syncBuiltinESMExports();',
)}`;

let elsewhere: string;
beforeAll(() => {
  elsewhere = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterAll(() => rmSync(elsewhere, { recursive: true }));

interface Surroundings {
  readonly order?: Order;
  readonly umask?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: () => string;
  /** A program that runs the other. */
  readonly through?: readonly string[];
}

/** Each in a process of its own, because most of it is settled when a process starts. */
describe.concurrent("the three golden images are the same", () => {
  test.each<[string, Surroundings]>([
    [
      "from entries in another order, in another time zone and language",
      { order: "backward", env: { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } },
    ],
    [
      "with a strict umask, from another place, with another home",
      { umask: "077", cwd: () => elsewhere, env: { HOME: "/" } },
    ],
    ["with one worker", { env: { UV_THREADPOOL_SIZE: "1" }, through: ["taskset", "-c", "0"] }],
    ["with eight workers, and no umask", { umask: "000", env: { UV_THREADPOOL_SIZE: "8", NODE_OPTIONS: EIGHT_CORES } }],
  ])("%s", async (_how, { order = "forward", umask = "022", env, cwd, through = [] }) => {
    const node = [process.execPath, "--conditions=@base-kit/source", "--import", TSX, PRINT, order];
    const { stdout } = await promisify(execFile)("sh", ["-c", 'umask "$0"; exec "$@"', umask, ...through, ...node], {
      cwd: cwd?.() ?? import.meta.dirname,
      env: { ...process.env, ...env },
    });
    expect(JSON.parse(stdout)).toEqual(GOLDEN);
  });
});
