// How the benchmarks measure: whole processes, alternating with their rival in one run, medians of several.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { watchMemory } from "./memory.mjs";

/**
 * Runs a program to its end. Wall time in milliseconds; peak memory in MiB where the program is node, or of `all` that it starts;
 * `inside` is the number that it prints.
 */
export async function run(command, args, { stdin, env, cwd, peak = false } = {}) {
  const started = performance.now();
  const child = spawn(command, args, {
    stdio: [stdin ?? "ignore", "pipe", "pipe", peak === true ? "pipe" : "ignore"],
    cwd,
    env: { ...process.env, ...env, ...(peak === true ? { NODE_OPTIONS: `--import=${REPORT_PEAK}` } : {}) },
  });
  const stop = peak === "all" ? watchMemory(child.pid) : undefined;
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    // The beginning is enough for a number; the rest is read so that nobody waits.
    if (stdout.length < 100) stdout += chunk;
  });
  let report = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdio[3]?.on("data", (chunk) => {
    report += chunk;
  });
  const [code, signal] = await once(child, "close");
  const wall = performance.now() - started;
  const watched = stop?.();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code ?? signal}: ${stderr.slice(-2000)}`);
  return { wall, peak: watched ?? Number(report) / 1024, inside: Number(stdout) };
}

const REPORT_PEAK = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => { try { writeSync(3, String(process.resourceUsage().maxRSS)); } catch {} });',
)}`;

/** Measures each of the named works `times` times, taking turns so that all see the same load. Medians by name. */
export async function medians(times, works) {
  const results = new Map(Object.keys(works).map((name) => [name, []]));
  // The first round warms the page cache and is not counted.
  for (let round = -1; round < times; round++) {
    for (const [name, work] of Object.entries(works)) {
      const result = await work();
      if (round >= 0) results.get(name).push(result);
    }
  }
  return Object.fromEntries(
    [...results].map(([name, all]) => [
      name,
      {
        wall: median(all.map(({ wall }) => wall)),
        peak: median(all.map(({ peak }) => peak)),
        inside: median(all.map(({ inside = Number.NaN }) => inside)),
      },
    ]),
  );
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A line of the report: what was found, beside what is allowed. */
export function limit(what, found, { at, unit }) {
  const verdict = found <= at ? "ok" : "MISSED";
  process.stdout.write(
    `${what.padEnd(58)}${`${Math.round(found)} ${unit}`.padStart(9)}${"".padStart(19)}≤ ${at} ${unit}  ${verdict}\n`,
  );
}

/** A line of the report: what, how long, the rival, the ratio beside its target, if it has one. */
export function line(what, ours, theirs, target) {
  const ratio = ours / theirs;
  const verdict = target === undefined ? "" : `   ≤ ${target.toFixed(1)} ×  ${ratio <= target ? "ok" : "MISSED"}`;
  const ms = (value) => `${Math.round(value)} ms`.padStart(9);
  process.stdout.write(`${what.padEnd(58)}${ms(ours)}${ms(theirs)}${ratio.toFixed(2).padStart(8)} ×${verdict}\n`);
}

/** A line with an absolute target, beside what nobody can do without. */
export function besideFloor(what, ours, floor, atMost) {
  const ms = (value) => `${Math.round(value)} ms`.padStart(9);
  const ratio = (ours / floor).toFixed(2).padStart(8);
  process.stdout.write(
    `${what.padEnd(58)}${ms(ours)}${ms(floor)}${ratio} ×   ≤ ${atMost} ms  ${ours <= atMost ? "ok" : "MISSED"}\n`,
  );
}
