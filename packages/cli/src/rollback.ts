import { BaseKitError, formatPlatform, type Lock, type LockFile, printable } from "@base-kit/core";

/**
 * Refuses new inputs when a signed index among them is older than the one of its name in the lock file: a mirror that falls behind, or
 * somebody on the way, would bring back packages whose faults are known, with signatures that are good. An archive of the past
 * (`--snapshot`) is old on purpose.
 *
 * @throws BaseKitError `LOCK_ROLLBACK` (verification)
 */
export function requireNoRollback(
  made: Lock,
  { file, before }: { readonly file: string; readonly before: LockFile | undefined },
): void {
  if (made.options["snapshot"] !== undefined) return;
  const known = before?.platforms.flatMap(({ lock }) => (lock.producer === made.producer ? lock.inputs : [])) ?? [];
  for (const { name, url, facts } of made.inputs) {
    const newest = known.filter((each) => each.name === name).map((each) => time(each.facts?.["date"]));
    const found = time(facts?.["date"]);
    const locked = Math.max(...newest);
    if (!(found < locked)) continue;
    throw new BaseKitError(
      "LOCK_ROLLBACK",
      `the inputs for ${formatPlatform(made.platform)} are refused: ${printable(name)} at ${printable(url)} is of ${day(found)}, and ${printable(file)} already has the one of ${day(locked)}`,
      {
        kind: "verification",
        hint: "The mirror has fallen behind, or somebody shows an old state: take another mirror, or try again later. To go back on purpose, use --snapshot or remove the lock file. It was left as it is.",
      },
    );
  }
}

/** Milliseconds since 1970. What has no date is neither older nor newer. */
function time(date: string | undefined): number {
  return date === undefined ? Number.NaN : Date.parse(date);
}

function day(time: number): string {
  return new Date(time).toISOString();
}
