import type { Reporter, StepProgressed } from "@base-kit/core";
import { formatDuration, formatProgress } from "./format.ts";

/** A long silence looks like a hang in a CI log. */
const SIGN_OF_LIFE_MS = 10_000;

/** A line per finished step with its time, for logs; a long step tells every ten seconds how far it is. */
export function plainReporter(write: (text: string) => void, now: () => number = () => performance.now()): Reporter {
  const running = new Map<number, { readonly title: string; told: number }>();
  return {
    emit(event) {
      switch (event.type) {
        case "step.started":
          running.set(event.step, { title: event.title, told: now() });
          break;
        case "step.progressed":
          tellProgress(event);
          break;
        case "step.ended": {
          running.delete(event.step);
          // People look for the error in the last lines.
          if (event.outcome === "stopped") break;
          const detail = event.detail === undefined ? "" : `: ${event.detail}`;
          const failed = event.outcome === "failed" ? " failed" : "";
          write(`${event.title}${failed}${detail} (${formatDuration(event.durationMs)})\n`);
          break;
        }
        case "noted":
          write(`note: ${event.message}\n`);
          break;
        case "warned":
          write(`warning: ${event.message}\n`);
      }
    },
  };

  function tellProgress(event: StepProgressed): void {
    const step = running.get(event.step);
    if (step === undefined || now() - step.told < SIGN_OF_LIFE_MS) return;
    step.told = now();
    write(`${step.title}: ${formatProgress(event)}\n`);
  }
}
