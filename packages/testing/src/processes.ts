import { readdirSync, readFileSync } from "node:fs";

/** Whether any process of this machine, in whatever namespace, has these words as its arguments. */
export function isRunning(command: string): boolean {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `${command.replaceAll(" ", "\0")}\0`;
      } catch {
        // It ended meanwhile.
        return false;
      }
    });
}
