import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { createStore } from "@base-kit/store";

export interface TestContext extends Context, Disposable {
  readonly folder: string;
  readonly cacheDir: string;
  readonly events: readonly Event[];
}

/** A context with a folder, a store in it, and nothing of the outside; one more with the same store comes from `beside`. */
export function inContext(beside?: TestContext): TestContext {
  const folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  const cacheDir = beside?.cacheDir ?? join(folder, "cache");
  const events: Event[] = [];
  const outside = (what: string) => () => {
    throw new Error(`a unit test ${what}`);
  };
  mkdirSync(join(folder, "temp"));
  return {
    folder,
    cacheDir,
    events,
    tempDir: join(folder, "temp"),
    signal: new AbortController().signal,
    reporter: { emit: (event) => events.push(event) },
    clock: { now: () => 0, monotonicMs: () => 0 },
    store: createStore(cacheDir),
    env: {},
    fetch: outside("uses the network"),
    exec: outside("runs a program"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
