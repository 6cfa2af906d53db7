import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a program gets to clean up between SIGTERM and SIGKILL. */
const GRACE_MS = 5000;
const POLL_MS = 25;

const running = new Set<number>();
let watchingExit = false;

/** A process group that cannot outlive this process, however that ends (SIGKILL apart). */
export interface AdoptedGroup {
  /** Kills what the program left running when it ended: it could hold our pipes open for ever. */
  killRest(): void;
  release(): void;
}

export function adoptGroup(leader: number): AdoptedGroup {
  if (!watchingExit) {
    watchingExit = true;
    process.on("exit", killAllGroups);
  }
  running.add(leader);
  return {
    killRest: () => signalGroup(leader, "SIGKILL"),
    release: () => running.delete(leader),
  };
}

/** SIGTERM to the whole group, and SIGKILL when some of it is still there after the grace period. */
export async function endGroup(leader: number, graceMs: number = GRACE_MS): Promise<void> {
  signalGroup(leader, "SIGTERM");
  // A stopped process (SIGSTOP, SIGTTOU) would never see the SIGTERM.
  signalGroup(leader, "SIGCONT");
  for (let waited = 0; waited < graceMs; waited += POLL_MS) {
    if (!isGroupAlive(leader)) return;
    await sleep(POLL_MS);
  }
  signalGroup(leader, "SIGKILL");
}

/** For the end of the process: nothing can be waited for any more. */
function killAllGroups(): void {
  for (const leader of running) signalGroup(leader, "SIGKILL");
  running.clear();
}

/**
 * Orphans that have ended can still be signalled until the first process of the container collects them, and some such
 * processes never do; so they are told apart by proc_pid_stat(5) where that exists.
 */
function isGroupAlive(leader: number): boolean {
  if (!signalGroup(leader, 0)) return false;
  let pids: readonly string[];
  try {
    pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return true;
  }
  return pids.some((pid) => isLiveMember(pid, leader));
}

function isLiveMember(pid: string, leader: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === String(leader) && state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

/** Whether there was somebody to signal. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    // EPERM: the group is there, but all of it runs as another user (sudo, newuidmap).
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
