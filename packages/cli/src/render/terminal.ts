import type { Event, Reporter, StepProgressed } from "@base-kit/core";
import { formatBytes, formatDuration, formatProgress } from "./format.ts";

export interface TerminalOptions {
  readonly write: (text: string) => void;
  /** Columns of the terminal, asked anew for each picture: windows change size. */
  readonly columns: () => number;
  readonly colour: boolean;
  readonly now?: () => number;
}

interface Running {
  readonly title: string;
  readonly started: number;
  progress?: StepProgressed;
}

const REDRAW_EVERY_MS = 80;
const BAR = 24;

/** Finished steps stay as lines; below them each running step has a line with its bar, amount and rate. */
export function terminalReporter(options: TerminalOptions): Reporter & { close(): void } {
  const { write, columns, colour, now = () => performance.now() } = options;
  const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const running = new Map<number, Running>();
  let drawn = 0;
  let lastDraw = Number.NEGATIVE_INFINITY;

  const erase = () => (drawn === 0 ? "" : `\x1b[${drawn}A\x1b[0J`);
  const draw = (above: string) => {
    const lines = [...running.values()].map((step) => clip(runningLine(step), columns()));
    write(`${erase()}${above}${lines.map((line) => `${line}\n`).join("")}`);
    drawn = lines.length;
    lastDraw = now();
  };
  const runningLine = ({ title, started, progress }: Running): string => {
    const seconds = (now() - started) / 1000;
    if (progress === undefined) return `${paint(36, "·")} ${title}  ${formatDuration(now() - started)}`;
    const { done, total, unit } = progress;
    const filled = total === undefined || total === 0 ? undefined : Math.round((BAR * Math.min(done, total)) / total);
    const bar = filled === undefined ? "" : `  ${paint(36, "━".repeat(filled))}${paint(90, "━".repeat(BAR - filled))}`;
    const rate = unit === "bytes" && seconds > 0.5 ? `  ${formatBytes(Math.round(done / seconds))}/s` : "";
    return `${paint(36, "·")} ${title}${bar}  ${formatProgress(progress)}${rate}`;
  };

  return {
    emit(event: Event) {
      switch (event.type) {
        case "step.started":
          running.set(event.step, { title: event.title, started: now() });
          draw("");
          break;
        case "step.progressed": {
          const step = running.get(event.step);
          if (step !== undefined) step.progress = event;
          if (now() - lastDraw >= REDRAW_EVERY_MS) draw("");
          break;
        }
        case "step.ended": {
          running.delete(event.step);
          if (event.outcome === "stopped") {
            draw("");
            break;
          }
          const mark = event.outcome === "done" ? paint(32, "✓") : paint(31, "✗");
          const detail = event.detail === undefined ? "" : `  ${event.detail}`;
          draw(`${mark} ${event.title}${detail}  ${paint(90, formatDuration(event.durationMs))}\n`);
          break;
        }
        case "noted":
          draw(`${paint(90, "note")} ${event.message}\n`);
          break;
        case "warned":
          draw(`${paint(33, "warning")} ${event.message}\n`);
      }
    },
    close: () => {
      write(erase());
      drawn = 0;
    },
  };
}

/** A line that wrapped would leave rests behind when it is erased. Escape sequences take no column. */
function clip(line: string, columns: number): string {
  let width = 0;
  let result = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  for (const [part] of line.matchAll(/\x1b\[[0-9;]*m|[^\x1b]/gu)) {
    if (part.startsWith("\x1b")) result += part;
    else if (width < columns - 1) {
      result += part;
      width += 1;
    }
  }
  return result;
}
