import { printable } from "@base-kit/core";

/** Decimal units, as docker prints sizes: `3.49 MB`, `117 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  // What would round to 1000 is one of the next unit.
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 1000 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

/** `240 ms`, `3.2 s`, `2 min 05 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 995) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}

/** How far a step is: `45 %  12.3 MB of 27.1 MB`, or only what is done where the end is not known. */
export function formatProgress(progress: {
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
  readonly detail?: string;
}): string {
  const { done, total, unit, detail } = progress;
  const amount = (count: number) => (unit === "bytes" ? formatBytes(count) : String(count));
  const of = total === undefined ? "" : ` of ${amount(total)}`;
  const suffix = unit === "bytes" ? "" : ` ${unit}`;
  const share = total === undefined || total === 0 ? "" : `${Math.floor((100 * Math.min(done, total)) / total)} %  `;
  return `${share}${amount(done)}${of}${suffix}${detail === undefined ? "" : `  ${detail}`}`;
}

/** A text of words made safe to print, word by word: blanks and arrows stay, what could move a terminal's cursor does not. */
export function printableText(text: string): string {
  return text
    .split(" ")
    .map((word) => (word === "" || word === "→" ? word : printable(word)))
    .join(" ");
}
