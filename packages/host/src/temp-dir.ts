import { mkdtempSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { BaseKitError, printable, systemErrorCode } from "@base-kit/core";
import { atExit } from "./at-exit.ts";
import { makeFolder } from "./make-folder.ts";
import { removeTree } from "./remove-tree.ts";

const NAME = /^base-kit-\d+-\w+$/;
const OWNER_FILE = ".owner.json";
/** No build takes this long; what is older is removed even if nobody can tell whether its process lives. */
const ABANDONED_MS = 3 * 24 * 3600 * 1000;
/** A process says whose a directory is at once after making it; one that has not was killed in between. */
const UNNAMED_MS = 5_000;

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
 * A directory `base-kit-<pid>-<random>` that only this user can enter.
 *
 * @throws BaseKitError `TEMP_DIR_UNUSABLE` (environment)
 */
export function createTempDir(parent: string): TempDir {
  let path: string;
  try {
    makeFolder(parent);
    path = makeOwned(parent);
  } catch (error) {
    throw new BaseKitError(
      "TEMP_DIR_UNUSABLE",
      `cannot make a temporary folder in ${printable(parent)}: ${(error as Error).message}`,
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

/** When the process was held up between the two steps, another one may have taken the directory for abandoned. */
function makeOwned(parent: string): string {
  for (;;) {
    const path = mkdtempSync(join(parent, `base-kit-${process.pid}-`));
    try {
      writeFileSync(join(path, OWNER_FILE), JSON.stringify(self()));
      return path;
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT") throw error;
    }
  }
}

/** Removes the temporary directories that processes of this user left behind when they were killed; never fails. */
export function sweepTempDirs(parent: string): void {
  for (const name of namesIn(parent)) {
    if (!NAME.test(name)) continue;
    const path = join(parent, name);
    try {
      if (isAbandoned(path)) removeTree(path);
    } catch {
      // Another process may be removing it just now, or something is mounted in it.
    }
  }
}

/** Who made a directory. A process id means something only on the same boot, in the same namespace. */
interface Owner {
  readonly pid: number;
  /** In clock ticks since boot: a process id is used again, but not by a process that started then. */
  readonly startTime?: string;
  readonly world: string;
}

function self(): Owner {
  const startTime = startTimeOf(process.pid);
  return { pid: process.pid, world: world(), ...(startTime === undefined ? {} : { startTime }) };
}

function isAbandoned(path: string): boolean {
  const stat = statSync(path);
  if (stat.uid !== process.getuid?.() || !stat.isDirectory()) return false;
  const owner = readOwner(path);
  const age = Date.now() - stat.mtimeMs;
  if (owner === undefined) return age > UNNAMED_MS;
  return owner.world === world() ? !isAlive(owner) : age > ABANDONED_MS;
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(join(path, OWNER_FILE), "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startTime }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return false;
  }
  return startTime === undefined || startTimeOf(pid) === startTime;
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

function world(): string {
  const read = (from: () => string) => {
    try {
      return from().trim();
    } catch {
      return "";
    }
  };
  return [
    hostname(),
    read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    read(() => readlinkSync("/proc/self/ns/pid")),
  ].join(" ");
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
