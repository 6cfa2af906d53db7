import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, readdir, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { systemErrorCode } from "@base-kit/core";

/** Who writes it, where that process id means something, and a part that is its own. */
const NAME = /\.tmp-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}$/;
/** Nobody writes to one file for so long. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** A name beside a file or directory, for what is to take its place. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${processName()}-${randomBytes(6).toString("hex")}`;
}

/** This process, for others that want to know whether it still runs. */
export function processName(): string {
  return `${process.pid}-${world()}`;
}

/** Whether the process that named itself so has ended; undefined where that cannot be told, as of another machine's. */
export function hasEnded(name: string): boolean | undefined {
  const [, pid, place] = /^(\d+)-([0-9a-f]{8})$/.exec(name) ?? [];
  return pid !== undefined && place === world() ? !isAlive(Number(pid)) : undefined;
}

/** Removes from a folder the files that processes that were killed have left there under such names; never fails. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const path of await abandonedTemporaries(folder)) await unlink(path).catch(() => {});
}

/** What killed processes have left in a folder under such names; never fails. */
export async function abandonedTemporaries(folder: string): Promise<readonly string[]> {
  const abandoned: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid, place] = NAME.exec(name) ?? [];
    if (pid === undefined) continue;
    // Not cleared of dots, as in `outputPlace`.
    const path = `${folder}/${name}`;
    if (place === world() ? !isAlive(Number(pid)) : await isOld(path)) abandoned.push(path);
  }
  return abandoned;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH";
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
}

let known: string | undefined;

/** The same for processes that see each other's ids: of one boot, in one namespace. */
function world(): string {
  known ??= createHash("sha256").update(describeWorld()).digest("hex").slice(0, 8);
  return known;
}

function describeWorld(): string {
  const read = (from: () => string) => {
    try {
      return from();
    } catch {
      return "";
    }
  };
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  const namespace = read(() => readlinkSync("/proc/self/ns/pid"));
  return `${hostname()} ${boot} ${namespace}`;
}
