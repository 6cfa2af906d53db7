import { createHash } from "node:crypto";
import { type Context, type Entry, type Rootfs, step } from "@base-kit/core";
import { chooseBackend, type SandboxMode } from "./backend.ts";
import { type Changes, changesOf } from "./changes.ts";
import { packChanges, unpackChanges } from "./kept-changes.ts";
import { runInSandbox } from "./run-in-sandbox.ts";

export interface OneRun {
  /** Who asks, in the key under which the result is kept. */
  readonly purpose: string;
  /** For people: `configuring the packages`. */
  readonly title: string;
  readonly mode: SandboxMode;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Seconds since 1970: nothing that the script makes is newer. */
  readonly epoch: number;
  /** The tree, parents first, every path once. */
  readonly entries: readonly Entry[];
  /** Told when it is not known what the script does, before it is run. */
  readonly onStart?: () => void;
  /** Further entries for the script alone, which it has to remove. */
  readonly helpers?: readonly Entry[];
  /** As in a {@link SandboxCommand}. */
  readonly timeoutMs?: number | undefined;
  readonly keepFailed?: string | undefined;
}

/** Raised when the same run comes to leave something else. */
const FORMAT = 1;
const ROOM = 256 * 1024 ** 2;
const PAGE = 4096;

/**
 * What a script does to a root filesystem. The same script on the same segments runs once: what it did is kept, whichever way it was
 * run, but for `plain-chroot`.
 *
 * @throws BaseKitError `SANDBOX_…`
 */
export async function runOnce({ segments }: Pick<Rootfs, "segments">, run: OneRun, context: Context): Promise<Changes> {
  const hash = createHash("sha256");
  const env = Object.entries(run.env).map(([name, value]) => `${name}=${value}`);
  for (const each of [...segments.map(({ key }) => key), run.script, String(run.epoch), ...env.sort()])
    hash.update(`${each}\0`);
  const key = `${run.purpose}:${FORMAT}:${hash.digest("hex")}`;
  return step(context, run.title, async (handle) => {
    const kept = await context.store.recall(key);
    if (kept !== undefined) {
      handle.detail("cached");
      return unpackChanges(kept);
    }
    const backend = await chooseBackend(run.mode, context);
    run.onStart?.();
    const before = run.entries;
    const changes = await runInSandbox(
      {
        entries: [...before, ...(run.helpers ?? [])],
        size: 2 * sizeOf(before) + ROOM,
        script: run.script,
        env: run.env,
        timeoutMs: run.timeoutMs,
        keepFailed: run.keepFailed,
      },
      { backend, context, use: (result) => changesOf(result, { before, epoch: run.epoch }) },
    );
    // What a program silently did without /proc is not to be taken for what it does elsewhere.
    if (backend !== "plain-chroot") await context.store.remember(key, await packChanges(changes));
    handle.detail(`${changes.entries.length} changes, ${backend}`);
    return changes;
  });
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + PAGE + (entry.type === "file" ? entry.size : 0), 0);
}
