// What a program and all that it has started take, as the kernel counts it (Linux).
import { readdirSync, readFileSync } from "node:fs";

const EVERY_MS = 50;

/**
 * Watches until it is stopped; the peak of the sum of proportional set sizes (proc_pid_smaps(5), `Pss`) in MiB: what processes share is
 * divided among them, so that a program that is about to become another one does not count twice.
 */
export function watchMemory(pid) {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, memoryOf(pid));
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

function memoryOf(root) {
  const all = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "latin1");
      const [, parent] = /^PPid:\s*(\d+)/m.exec(status);
      all.set(Number(name), Number(parent));
    } catch {
      // It has just ended.
    }
  }
  const within = (pid) => pid === root || (all.has(pid) && within(all.get(pid)));
  let sum = 0;
  for (const pid of all.keys()) if (within(pid)) sum += shareOf(pid);
  return sum / 1024;
}

/** In KiB. */
function shareOf(pid) {
  try {
    const [, kilobytes = 0] = /^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")) ?? [];
    return Number(kilobytes);
  } catch {
    return 0;
  }
}
