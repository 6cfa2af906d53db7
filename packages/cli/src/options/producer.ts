import { BaseKitError, type Producer, printable } from "@base-kit/core";

/** Flags of `build` that are the producers' own business. */
export const PRODUCER_FLAGS = [
  "variant",
  "include",
  "exclude",
  "components",
  "slim",
  "mirror",
  "keyring",
  "repository",
  "snapshot",
  "compat",
  "configure",
  "tweaks",
] as const;

export type ProducerFlags = Readonly<Partial<Record<(typeof PRODUCER_FLAGS)[number], unknown>>>;

/**
 * The given flags as the producer's options.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage) for an option it does not have, or a value it refuses
 */
export async function producerOptions(producer: Producer, flags: ProducerFlags): Promise<unknown> {
  const given = Object.fromEntries(
    PRODUCER_FLAGS.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
  const parsed = (await producer.schema()).safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") return `it has no ${issue.keys.map(flag).join(", ")}`;
    const [name] = issue.path;
    const value = typeof name === "string" ? ` ${printable(String(given[name]))}` : "";
    return `${flag(String(name))}${value}: ${issue.message}`;
  });
  throw new BaseKitError(
    "OPTION_INVALID",
    `the producer ${producer.name} refuses its options: ${problems.join("; ")}`,
    {
      kind: "usage",
      hint: `\`base-kit producers ${producer.name}\` lists what it takes.${noSnapshot(parsed.error.issues)}`,
    },
  );
}

/** Most distributions delete what is superseded; then only a copy keeps a lock alive. */
function noSnapshot(issues: readonly { readonly code?: string; readonly keys?: readonly string[] }[]): string {
  if (!issues.some(({ keys }) => keys?.includes("snapshot"))) return "";
  return " It knows no mirror that keeps the past: `base-kit lock --vendor DIR` copies what a lock names, and --mirror takes a mirror of a certain day.";
}

/** `sourceDateEpoch` is spelled `--source-date-epoch`. */
export function flag(property: string): string {
  return `--${property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
