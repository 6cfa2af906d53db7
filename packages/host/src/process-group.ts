import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { systemErrorCode } from "@base-kit/core";
import { atExit } from "./at-exit.ts";

/** How long a program gets to clean up between SIGTERM and SIGKILL. */
const GRACE_MS = 5000;
const POLL_MS = 25;

/** A process group that cannot outlive this process. */
export interface AdoptedGroup {
  /** Kills what the program left running when it ended: it could hold our pipes open for ever. */
  killRest(): void;
  release(): void;
}

export function adoptGroup(leader: number): AdoptedGroup {
  const killRest = () => {
    signalGroup(leader, "SIGKILL");
  };
  return { killRest, release: atExit(killRest) };
}

/** SIGTERM to the whole group, and SIGKILL when some of it is still there after the grace period. */
export async function endGroup(leader: number, graceMs: number = GRACE_MS): Promise<void> {
  signalGroup(leader, "SIGTERM");
  // A stopped process (SIGSTOP, SIGTTOU) would never see the SIGTERM.
  signalGroup(leader, "SIGCONT");
  // By the clock: on a busy machine a look takes longer than the pause after it.
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline) {
    if (!isGroupAlive(leader)) return;
    await sleep(POLL_MS);
  }
  signalGroup(leader, "SIGKILL");
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
    return systemErrorCode(error) === "EPERM";
  }
}
