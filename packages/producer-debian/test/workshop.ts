import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, type Event, hostPlatform, type Lock, type Producer } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import type { DebianOptions } from "../src/index.ts";

/** A folder, a context with nothing but it, and what the context was told. */
export interface Workshop extends AsyncDisposable {
  readonly dir: string;
  readonly context: Context;
  readonly events: readonly Event[];
}

export async function createWorkshop(env: NodeJS.ProcessEnv = {}): Promise<Workshop> {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  const events: Event[] = [];
  const reporter = { emit: (event: Event) => void events.push(event) };
  const context = await createContext({
    createStore,
    cacheDir: dir,
    env: { ...process.env, TMPDIR: dir, ...env },
    reporter,
  });
  return {
    dir,
    context,
    events,
    [Symbol.asyncDispose]: async () => {
      await context[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Resolves for this machine what a command line would ask for. */
export async function resolveFor(
  producer: Producer<DebianOptions>,
  { release, options }: { readonly release: string; readonly options: Readonly<Record<string, unknown>> },
  context: Context,
): Promise<Lock> {
  const parsed = (await producer.schema()).parse(options);
  const request = { release, platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
  return producer.resolve(request, context);
}
