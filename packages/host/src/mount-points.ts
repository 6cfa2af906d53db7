import { readFileSync } from "node:fs";

/** From proc_pid_mountinfo(5), where blanks in a path are written in octal; empty where there is no such file. */
export function mountPoints(): readonly string[] {
  let table: string;
  try {
    table = readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return [];
  }
  return table
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}
