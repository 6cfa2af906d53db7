// Finding libraries: base-kit in one process beside a loop of ldd, which people write by hand.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { line } from "./measure.mjs";

const PROGRAMS = 200;
const ONE_AT_MOST_MS = 50;
const ALL_AT_MOST_MS = 2000;

/** The closure of one program and of 200, medians of `rounds`; everything is read anew in each round. */
export async function libraries(rounds) {
  const { bytesFromText } = await import("../../packages/core/dist/index.js");
  const { closureOf, directoryRoot, elfFiles, isElf, readElfFile } = await import("../../packages/elf/dist/index.js");
  const programs = readdirSync("/usr/bin")
    .map((name) => join("/usr/bin", name))
    .filter((path) => existsSync(path) && statSync(path).isFile() && isElf(readFileSync(path).subarray(0, 4)))
    .map((path) => realpathSync(path))
    .filter((path) => readElfFile(path).interpreter !== undefined)
    .slice(0, PROGRAMS);
  const timed = (work) => {
    const times = Array.from({ length: rounds }, () => {
      const started = performance.now();
      work();
      return performance.now() - started;
    });
    return times.sort((a, b) => a - b)[Math.floor(rounds / 2)];
  };
  const close = (paths) => {
    const closure = closureOf(elfFiles(directoryRoot()));
    for (const path of paths) closure({ path: bytesFromText(path) });
  };
  const one = timed(() => close([process.execPath]));
  const all = timed(() => close(programs));
  const ldd = timed(() => {
    for (const path of programs) spawnSync("ldd", [path], { stdio: "ignore" });
  });
  limit("libraries of one program (node)", one, ONE_AT_MOST_MS);
  limit(`libraries of ${programs.length} programs`, all, ALL_AT_MOST_MS);
  line(`libraries of ${programs.length} programs, beside a loop of ldd`, all, ldd, 0.2);
}

function limit(what, milliseconds, atMost) {
  const verdict = milliseconds <= atMost ? "ok" : "MISSED";
  process.stdout.write(
    `${what.padEnd(58)}${`${Math.round(milliseconds)} ms`.padStart(9)}${"".padStart(19)}≤ ${atMost} ms  ${verdict}\n`,
  );
}
