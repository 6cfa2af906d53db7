import { printable } from "@base-kit/core";
import { printableText } from "../render/format.ts";
import type { ImageDifference } from "./compare-images.ts";

/** The difference that a person should look at first: a file's content before its attributes, files before settings. */
export function firstDifference({ files, config }: ImageDifference): string {
  const [changed] = files.changed;
  if (changed !== undefined) {
    const [change] = changed.changes;
    const what = change === undefined ? "" : `: ${change.field} ${printableText(`${change.before} → ${change.after}`)}`;
    return `${printable(changed.path)}${what}${more(files.changed.length)}`;
  }
  if (files.added[0] !== undefined) return `${printable(files.added[0])} is new${more(files.added.length)}`;
  if (files.removed[0] !== undefined) return `${printable(files.removed[0])} is missing${more(files.removed.length)}`;
  if (files.onlyTime > 0) return `the times of ${files.onlyTime} paths`;
  const [setting] = config;
  if (setting !== undefined) {
    return `${printable(setting.field)}: ${printableText(`${text(setting.before)} → ${text(setting.after)}`)}`;
  }
  return "the order or form of the layers' entries";
}

function more(count: number): string {
  return count > 1 ? ` (and ${count - 1} more)` : "";
}

function text(value: unknown): string {
  return value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
}
