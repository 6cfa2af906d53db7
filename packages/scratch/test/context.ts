import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Event } from "@base-kit/core";

export interface TestContext extends Context {
  readonly events: readonly Event[];
  /** For the test's own files. */
  readonly dir: string;
  readonly dispose: () => void;
}

/** Where nothing can be run and nothing fetched. */
export function testContext(
  options: { readonly signal?: AbortSignal; readonly onEvent?: (event: Event) => void } = {},
): TestContext {
  const root = mkdtempSync(join(tmpdir(), "base-kit-scratch-"));
  const events: Event[] = [];
  const forbidden = (what: string) => () => Promise.reject(new Error(`a scratch image ${what} nothing`));
  mkdirSync(join(root, "temp"));
  mkdirSync(join(root, "work"));
  return {
    dir: join(root, "work"),
    tempDir: join(root, "temp"),
    events,
    reporter: {
      emit: (event) => {
        events.push(event);
        options.onEvent?.(event);
      },
    },
    signal: options.signal ?? new AbortController().signal,
    env: {},
    clock: { now: () => 1_700_000_000, monotonicMs: () => 0 },
    exec: forbidden("runs"),
    fetch: forbidden("fetches"),
    store: {
      get: forbidden("keeps"),
      put: forbidden("keeps"),
      recall: forbidden("keeps"),
      remember: forbidden("keeps"),
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}
