import { printable } from "@base-kit/core";
import type { LockResult } from "../commands/lock.ts";
import { formatBytes } from "./format.ts";

const NAMED_AT_MOST = 20;

export function renderLock({ file, changed, platforms, vendored }: LockResult): string {
  const lines = [
    `${changed ? "lock" : "unchanged"}  ${printable(file)}`,
    ...platforms.map(({ platform, inputs, ...rest }) => `  ${platform}  ${inputs} inputs${counts(rest)}`),
    ...platforms.flatMap((each) => (each.changed.length + each.removed.length === 0 ? [] : names(each))),
    ...(vendored === undefined
      ? []
      : [
          `copied  ${vendored.files} inputs, ${formatBytes(vendored.size)}, to ${printable(vendored.directory)}`,
          ...(vendored.skipped.length === 0 ? [] : [`  not ${vendored.skipped.map(printable).join(", ")}: no digest`]),
        ]),
  ];
  return `${lines.join("\n")}\n`;
}

type Changes = Pick<LockResult["platforms"][number], "added" | "removed" | "changed">;

function counts(changes: Changes): string {
  const parts = Object.entries(changes).filter(([, list]) => list.length > 0);
  return parts.length === 0 ? "" : `: ${parts.map(([what, list]) => `${list.length} ${what}`).join(", ")}`;
}

/** After an update people want to know what moved; at the first lock everything is new. */
function names({ added, removed, changed }: Changes): readonly string[] {
  const all = [
    ...added.map((name) => `+ ${printable(name)}`),
    ...removed.map((name) => `- ${printable(name)}`),
    ...changed.map(({ name, before, after }) => `~ ${printable(name)}  ${printable(before)} → ${printable(after)}`),
  ];
  const more = all.length > NAMED_AT_MOST ? [`    and ${all.length - NAMED_AT_MOST} more`] : [];
  return [...all.slice(0, NAMED_AT_MOST).map((line) => `    ${line}`), ...more];
}
