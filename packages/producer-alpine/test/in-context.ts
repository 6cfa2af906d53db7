import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { createContext, removeTree } from "@base-kit/host";
import { createStore } from "@base-kit/store";

export interface TestContext extends Context, AsyncDisposable {
  readonly events: readonly Event[];
}

/** A real context with a cache of its own, which goes with it. */
export async function testContext(
  options: { signal?: AbortSignal; env?: Record<string, string> } = {},
): Promise<TestContext> {
  const cacheDir = mkdtempSync(join(tmpdir(), "alpine-test-"));
  const events: Event[] = [];
  const context = await createContext({
    createStore,
    cacheDir,
    env: options.env ?? {},
    reporter: { emit: (event) => events.push(event) },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return {
    ...context,
    events,
    [Symbol.asyncDispose]: async () => {
      await context[Symbol.asyncDispose]();
      removeTree(cacheDir);
    },
  };
}
