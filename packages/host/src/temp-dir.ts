import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { atExit } from "./at-exit.ts";
import { makeFolder } from "./make-folder.ts";
import { removeTree } from "./remove-tree.ts";

/**
 * Its owner's process id, where that id means something, and when the owner started. The name says it all, so that a
 * process that is killed at any moment leaves nothing that nobody can be told to own.
 */
const NAME = /^base-kit-(\d+)-([0-9a-f]{8})-(\d+)-\w+$/;
/** No build takes this long; what is older is removed even if nobody can tell whether its process lives. */
const ABANDONED_MS = 3 * 24 * 3600 * 1000;
/** As a start time, where there is no /proc. */
const UNKNOWN = "0";

export interface TempDir {
  readonly path: string;
  /**
   * Removes it; the end of the process does so too.
   *
   * @throws BaseKitError `REMOVE_MOUNTED` or `REMOVE_FAILED` (environment)
   */
  remove(): void;
}

/**
 * A directory `base-kit-<pid>-<where>-<start>-<random>` that only this user can enter.
 *
 * @throws BaseKitError `TEMP_DIR_UNUSABLE` (environment)
 */
export function createTempDir(parent: string): TempDir {
  let path: string;
  try {
    makeFolder(parent);
    path = mkdtempSync(join(parent, `base-kit-${process.pid}-${world()}-${startTimeOf(process.pid) ?? UNKNOWN}-`));
  } catch (error) {
    throw new BaseKitError(
      "TEMP_DIR_UNUSABLE",
      `cannot make a temporary folder in ${printable(parent)}: ${systemErrorReason(error)}`,
      { kind: "environment", hint: "Set TMPDIR to a folder that can be written to and has room.", cause: error },
    );
  }
  const forget = atExit(() => {
    try {
      removeTree(path);
    } catch {
      // Nobody can be told any more; a later process sweeps it.
    }
  });
  return {
    path,
    remove: () => {
      forget();
      removeTree(path);
    },
  };
}

/** Removes the temporary directories that processes of this user left behind when they were killed; never fails. */
export function sweepTempDirs(parent: string): void {
  for (const name of namesIn(parent)) {
    const [, pid, place = "", startTime = ""] = NAME.exec(name) ?? [];
    if (pid === undefined) continue;
    const path = join(parent, name);
    try {
      if (isAbandoned(path, { pid: Number(pid), place, startTime })) removeTree(path);
    } catch {
      // Another process may be removing it just now, or something is mounted in it.
    }
  }
}

interface Owner {
  readonly pid: number;
  /** The `world` that this process id is of. */
  readonly place: string;
  /** In clock ticks since boot: a process id is used again, but not by a process that started then. */
  readonly startTime: string;
}

function isAbandoned(path: string, owner: Owner): boolean {
  const stat = statSync(path);
  if (stat.uid !== process.getuid?.() || !stat.isDirectory()) return false;
  return owner.place === world() ? !isAlive(owner) : Date.now() - stat.mtimeMs > ABANDONED_MS;
}

function isAlive({ pid, startTime }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return false;
  }
  return startTime === UNKNOWN || startTimeOf(pid) === startTime;
}

/** Field 22 of proc_pid_stat(5); the program's name before it may hold blanks and brackets. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
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
      return from().trim();
    } catch {
      return "";
    }
  };
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  const namespace = read(() => readlinkSync("/proc/self/ns/pid"));
  return `${hostname()} ${boot} ${namespace}`;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
