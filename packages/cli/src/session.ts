import { isBaseKitError } from "@base-kit/core";
import type { HostContext } from "@base-kit/host";
import type { FolderStore } from "@base-kit/store";
import { createReporter } from "./render/reporter.ts";

/** Options every command has. */
export interface CommonOptions {
  readonly progress?: "auto" | "plain" | "json";
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly cacheDir?: string;
  readonly offline?: boolean;
  readonly insecureRegistry?: readonly string[];
}

/**
 * Runs a command with the context of this machine. A first Ctrl-C stops the work, which cleans up after itself; what is
 * left in the private directory goes when the work is over, however it ended.
 */
export async function withSession<T>(options: CommonOptions, work: (context: HostContext) => Promise<T>): Promise<T> {
  const { abortOnSignals, createContext } = await import("@base-kit/host");
  const { createStore } = await import("@base-kit/store");
  const { cacheSize, closeCache } = await import("./cache-size.ts");
  const { offlineContext } = await import("./offline.ts");
  const reporter = createReporter({ progress: options.progress ?? "auto", quiet: options.quiet ?? false });
  // A wrong size is better told before the work than after it.
  const maxSize = cacheSize(process.env);
  const signals = abortOnSignals();
  let store: FolderStore | undefined;
  try {
    await using own = await createContext({
      createStore: (dir) => {
        store = createStore(dir, { reporter });
        return store;
      },
      reporter,
      signal: signals.signal,
      ...(options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir }),
    });
    const context = { ...own, insecureRegistries: options.insecureRegistry ?? [] };
    const result = await work(options.offline === true ? offlineContext(context) : context).catch((error: unknown) => {
      // Whatever broke because of the signal, the signal is the reason; who was stopped by it may know more of what is left.
      if (signals.signal.aborted && !isInterrupted(error)) throw signals.signal.reason;
      throw error;
    });
    if (store !== undefined) await closeCache(store, { maxSize, reporter });
    return result;
  } finally {
    reporter.close();
    const exitCode = signals.exitCode();
    if (exitCode !== undefined) process.exitCode = exitCode;
    signals.dispose();
  }
}

function isInterrupted(error: unknown): boolean {
  return isBaseKitError(error) && error.kind === "interrupted";
}
