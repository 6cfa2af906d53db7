import { type Context, isBaseKitError, type Lock } from "@base-kit/core";
import type { LockedBuild } from "../lock.ts";
import { snapshotAt } from "../snapshot.ts";
import { publicUrl } from "./credentials.ts";
import { chooseMirrors } from "./mirrors.ts";

/** Snapshots are taken four times a day: a package that was new in a Release is in the one after it. */
const UNTIL_IT_WAS_TAKEN = 12 * 3600;

/**
 * Where a package file of the lock may be besides its own place: at the mirror that this machine would take now, and in the
 * distribution's archive of its past, because mirrors delete what is superseded. Nowhere else when the user chose the mirror, and
 * for packages of archives that the user added, whose names are nobody's business.
 */
export function elsewhere(
  build: LockedBuild,
  lock: Pick<Lock, "inputs">,
  context: Context,
): (url: string) => Promise<readonly string[]> {
  const { mirror, snapshot } = build.options;
  if (mirror !== undefined || snapshot !== undefined) return async () => [];
  let known: Promise<readonly Place[]> | undefined;
  return async (url) => {
    known ??= places(build, lock, context);
    const own = (await known).filter(({ root }) => root !== undefined && url.startsWith(`${root}/`));
    const found = own.flatMap(({ root = "", others }) =>
      others.flatMap((other) => (other === undefined ? [] : [`${other}${url.slice(root.length)}`])),
    );
    return [...new Set(found)].filter((other) => !other.startsWith("file:") && publicUrl(other) !== url);
  };
}

interface Place {
  /** Of the distribution's own archive in the lock. */
  readonly root: string | undefined;
  readonly others: readonly (string | undefined)[];
}

async function places(
  { system: { distribution, suite, architecture } }: LockedBuild,
  { inputs }: Pick<Lock, "inputs">,
  context: Context,
): Promise<readonly Place[]> {
  const placed = (name: string) => {
    const found = inputs.find((input) => input.name === `${name} InRelease` || input.name === `${name} Release`);
    const date = Date.parse(found?.facts?.["date"] ?? "") / 1000;
    return { root: found?.url.replace(/\/dists\/.*$/, ""), date };
  };
  const main = placed(suite);
  const security = placed(`${suite}-security`);
  const newest = Math.max(
    ...[main, security, placed(`${suite}-updates`)].map(({ date }) => date).filter(Number.isFinite),
  );
  const past = Number.isFinite(newest) ? snapshotAt(newest + UNTIL_IT_WAS_TAKEN, distribution) : undefined;
  // What this machine would take is of no use when it would take nothing.
  const here = await chooseMirrors({ distribution, suite, architecture }, context).catch((error: unknown) => {
    if (!isBaseKitError(error)) throw error;
  });
  return [
    { root: main.root, others: [here?.main, past?.main] },
    { root: security.root, others: [...(here?.security ?? []), ...(past?.security ?? [])] },
  ];
}
