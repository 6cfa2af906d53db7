import { execFileSync } from "node:child_process";

/** A tree as find(1) and sha256sum(1) see it: type, mode, owner, time, size, link target, number of links, content. */
export function listTree(dir: string): string {
  const format = String.raw`%p|%y|%m|%U:%G|%T@|%n|%l\n`;
  // Sizes of directories are the file system's business.
  const run = (...command: readonly string[]) =>
    execFileSync("find", [".", ...command], { cwd: dir, maxBuffer: 2 ** 28, encoding: "latin1" });
  const facts = run("-printf", format).replace(/(\d+)\.0+\|/g, "$1|");
  const contents = run("-type", "f", "-exec", "sha256sum", "{}", "+");
  const directoriesOnceLinked = facts.replace(/^(.*\|d\|.*\|)\d+\|$/gm, "$1");
  return [...directoriesOnceLinked.split("\n"), ...contents.split("\n")].sort().join("\n");
}
