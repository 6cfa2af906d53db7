// What a program and all that it has started take, as the kernel counts it (Linux).
import { readdirSync, readFileSync } from "node:fs";

const EVERY_MS = 50;

/** Watches until it is stopped; the peak of the sum of resident memory in MiB. What processes share counts once for each. */
export function watchMemory(pid) {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentOf(pid));
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

function residentOf(root) {
  const all = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "latin1");
      const [, parent] = /^PPid:\s*(\d+)/m.exec(status);
      const [, kilobytes = 0] = /^VmRSS:\s*(\d+)/m.exec(status) ?? [];
      all.set(Number(name), { parent: Number(parent), kilobytes: Number(kilobytes) });
    } catch {
      // It has just ended.
    }
  }
  const within = (pid) => pid === root || (all.has(pid) && within(all.get(pid).parent));
  let sum = 0;
  for (const [pid, { kilobytes }] of all) if (within(pid)) sum += kilobytes;
  return sum / 1024;
}
