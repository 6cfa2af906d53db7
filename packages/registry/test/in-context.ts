import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";

export interface TestContext {
  readonly context: HostContext;
  /** A folder that goes with it. */
  readonly folder: string;
  readonly events: readonly Event[];
  dispose(): Promise<void>;
}

/** The real context of this machine, with a HOME in which nobody is logged in anywhere. */
export async function testContext(env: Readonly<Record<string, string | undefined>> = {}): Promise<TestContext> {
  const folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  const events: Event[] = [];
  const context = await createContext({
    createStore,
    reporter: { emit: (event) => events.push(event) },
    env: { PATH: process.env["PATH"], HOME: join(folder, "home"), TMPDIR: folder, ...env },
    cacheDir: join(folder, "cache"),
  });
  return {
    context,
    folder,
    events,
    dispose: async () => {
      await context[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
