import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { createExec } from "@base-kit/host";

export interface TestContext extends Context {
  readonly events: readonly Event[];
  /** For the test's own files. */
  readonly dir: string;
  /** Where a program of the test's stands before all others. */
  readonly bin: string;
  readonly dispose: () => void;
}

export interface TestContextOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: Event) => void;
}

/** Runs real programs, but sees only the environment it is given: no engine of this machine unless the test names it. */
export function testContext({ env = {}, signal, onEvent }: TestContextOptions = {}): TestContext {
  // Short: the path of a socket has at most 107 bytes.
  const root = mkdtempSync(join(tmpdir(), "bk-imp-"));
  const dir = join(root, "d");
  const tempDir = join(root, "t");
  const home = join(root, "h");
  const bin = join(root, "bin");
  for (const each of [dir, tempDir, home, bin]) mkdirSync(each);
  const events: Event[] = [];
  const seen = { HOME: home, PATH: `${bin}${delimiter}${process.env["PATH"]}`, ...env };
  const never = signal ?? new AbortController().signal;
  return {
    dir,
    bin,
    tempDir,
    events,
    reporter: {
      emit: (event) => {
        events.push(event);
        onEvent?.(event);
      },
    },
    signal: never,
    env: seen,
    clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => performance.now() },
    exec: createExec({ env: seen, signal: never }),
    fetch: () => Promise.reject(new Error("an importer fetches nothing")),
    store: {
      get: () => Promise.reject(new Error("an importer keeps nothing")),
      // What compresses an image in a test keeps its parts, and reads them there.
      put: async ({ digest }, bytes) => {
        const path = join(root, digest.replace(":", "-"));
        await writeFile(path, bytes);
        return path;
      },
      recall: async () => undefined,
      remember: async () => {},
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}
