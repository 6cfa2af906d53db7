import type { Reporter } from "@base-kit/core";
import { plainReporter } from "./plain.ts";
import { terminalReporter } from "./terminal.ts";

export interface ReporterOptions {
  readonly progress: "auto" | "plain" | "json";
  readonly quiet: boolean;
}

/** The reporter for this process: all of it goes to standard error, so that results can be piped. */
export function createReporter({ progress, quiet }: ReporterOptions): ClosableReporter {
  const write = (text: string): void => {
    process.stderr.write(text);
  };
  if (quiet) return { emit: () => {}, close: () => {} };
  if (progress === "json") {
    return untilClosed({ emit: (event) => write(`${JSON.stringify(event)}\n`), close: () => {} });
  }
  const { env, stderr } = process;
  const picture = progress === "auto" && stderr.isTTY === true && env["TERM"] !== "dumb" && env["CI"] === undefined;
  if (!picture) return untilClosed({ ...plainReporter(write), close: () => {} });
  // A terminal that was never told its size says 0.
  const columns = () => stderr.columns || 80;
  return untilClosed(terminalReporter({ write, columns, colour: env["NO_COLOR"] === undefined }));
}

type ClosableReporter = Reporter & { close(): void };

/** What is stopped because something else has failed ends after it; people look for the error in the last lines. */
export function untilClosed(reporter: ClosableReporter): ClosableReporter {
  let closed = false;
  return {
    emit: (event) => {
      if (!closed) reporter.emit(event);
    },
    close: () => {
      closed = true;
      reporter.close();
    },
  };
}
