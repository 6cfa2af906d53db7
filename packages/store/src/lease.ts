import { randomBytes } from "node:crypto";
import { mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { lstat, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { removeAtExit } from "./remove-at-exit.ts";
import { leasesFolder } from "./store-layout.ts";

const RENEW_MS = 60_000;
/** A file that was used so shortly before is not marked as used again, which would be half the cost of looking it up. */
const BEFORE_MS = 3600_000;
/** A process that has not renewed its lease for so long is gone: killed, or on a machine that is. */
const STALE_MS = 5 * 60_000;

/**
 * The sign that a process uses the store, so that nobody removes what it has looked up. A file with a fresh time, because
 * process ids mean nothing to the other containers and machines that may share the folder.
 */
export interface Lease {
  readonly name: string;
  /** Milliseconds since 1970, a while before it began; what was used since then is not removed by others. */
  readonly since: number;
}

export interface OwnLease extends Lease {
  /** Never fails. */
  end(): void;
}

/** Never fails: a store that cannot be written to can still be read. */
export function openLease(dir: string): OwnLease {
  const since = Date.now() - BEFORE_MS;
  const name = `${since}-${randomBytes(6).toString("hex")}`;
  const path = join(leasesFolder(dir), name);
  try {
    mkdirSync(leasesFolder(dir), { recursive: true });
    writeFileSync(path, "", { flag: "wx" });
  } catch {
    return { name, since, end: () => {} };
  }
  const forget = removeAtExit(path);
  const renewing = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), RENEW_MS).unref();
  const end = () => {
    clearInterval(renewing);
    forget();
    try {
      unlinkSync(path);
    } catch {
      // It goes stale.
    }
  };
  return { name, since, end };
}

/** The leases of processes that still run. */
export async function liveLeases(dir: string): Promise<readonly Lease[]> {
  const names = await readdir(leasesFolder(dir)).catch(() => []);
  const live: Lease[] = [];
  for (const name of names) {
    if (!(await isStale(join(leasesFolder(dir), name)))) live.push({ name, since: Number.parseInt(name, 10) || 0 });
  }
  return live;
}

/** Whether nobody has written to a file for longer than a living process leaves its lease. */
export async function isStale(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}
