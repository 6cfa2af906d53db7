import { BaseKitError } from "@base-kit/core";

/** 128 + the number of the signal, as shells report it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** npm passes on a Ctrl-C that the terminal has already sent to the whole group: both are one wish. */
const SAME_KEY_PRESS_MS = 400;

export interface SignalWatch {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, with a BaseKitError `INTERRUPTED` as the reason. */
  readonly signal: AbortSignal;
  /** What the process should end with because of the signal: 130, 143 or 129; undefined when none came. */
  exitCode(): number | undefined;
  /** Gives the signals their usual meaning back. */
  dispose(): void;
}

/** For the program's `main`: the first signal asks the work to stop and clean up, the second ends the process at once. */
export function abortOnSignals(): SignalWatch {
  const controller = new AbortController();
  let first: { readonly exitCode: number; readonly at: number } | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    const exitCode = EXIT_CODES[name as keyof typeof EXIT_CODES];
    if (first === undefined) {
      first = { exitCode, at: performance.now() };
      controller.abort(
        new BaseKitError("INTERRUPTED", `stopped by ${name}`, {
          kind: "interrupted",
          hint: "Nothing was left behind; what was there before is untouched.",
        }),
      );
    } else if (performance.now() - first.at > SAME_KEY_PRESS_MS) {
      // Listeners of "exit" still end child processes and remove temporary folders.
      process.exit(exitCode);
    }
  };
  const names = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    exitCode: () => first?.exitCode,
    dispose: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
