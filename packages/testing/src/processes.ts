import { readdirSync, readFileSync } from "node:fs";

/** The processes of this machine, in whatever namespace, that have these words as their arguments. */
export function processesOf(command: string): readonly number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `${command.replaceAll(" ", "\0")}\0`;
      } catch {
        // It ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

export function isRunning(command: string): boolean {
  return processesOf(command).length > 0;
}
