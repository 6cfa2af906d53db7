#!/usr/bin/env node
// `npm test`: prepares the checkout, sets up what the tests need, runs them all, and says what was skipped and why.
// `npm run test:unit` (--unit): only tests without an engine, a network or root. Other arguments go to vitest.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import { ChildFailure, run, shellCode } from "./launch/child.mjs";
import { ROOT, readyOrExit } from "./ready.mjs";
import { watchTemporaries } from "./testing/left-behind.mjs";
import { discardAbandonedEngines, engineVersion, startPrivateEngine } from "./testing/private-engine.mjs";
import { provision } from "./testing/provision.mjs";
import { closingLine, exitCodeOf, readReport, skippedTable } from "./testing/report.mjs";

const args = process.argv.slice(2);
const unit = args.includes("--unit");
const forVitest = args.filter((argument) => argument !== "--unit");
const inCI = !["", "0", "false"].includes(process.env.CI ?? "");

// Who names projects wants them.
const byProject = forVitest.some((argument) => argument.startsWith("--project"));
const ofAllPackages = byProject ? [] : ["--config=tools/testing/vitest.unit.config.ts"];

// What is asked for may be of one kind only; that nothing at all was found is told at the end.
const SELECTION = {
  // They leave nothing behind in their process, so files share one: starting them costs more than running them.
  unit: ["--exclude=**/*.system.test.ts", "--no-isolate", "--pool=threads", "--passWithNoTests", ...ofAllPackages],
  // One more than processors: they wait for engines, disks and timeouts. On two it takes an eighth less time.
  system: ["--exclude=**/!(*.system).test.ts", "--passWithNoTests", `--maxWorkers=${availableParallelism() + 1}`],
};

const stopped = new AbortController();

await readyOrExit();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopped.abort(signal));
process.exitCode = await main();

async function main() {
  const leftBehind = watchTemporaries();
  const folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  const engine = unit ? undefined : await prepareEngine();
  let outcome;
  try {
    if (stopped.signal.aborted) return shellCode(stopped.signal.reason);
    outcome = await runAll({
      folder,
      env: unit ? { BASE_KIT_RANDOM_CASES: "25", ...process.env } : await machine(engine),
    });
  } finally {
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const left = leftBehind();
  // Another run on this machine may be at it; so this is for people to look at.
  if (left.length > 0) note(`in ${tmpdir()} there is now, unless another run has it: ${left.join(", ")}`);
  return summarize(outcome);
}

/** An engine of our own where none answers. Without one the tests that need it are skipped, or fail in CI. */
async function prepareEngine() {
  const linuxRoot = process.platform === "linux" && process.getuid() === 0;
  if (linuxRoot) await discardAbandonedEngines({ note });
  const version = engineVersion();
  provision({ engineAnswers: version !== undefined, note });
  await immediate(); // a signal that came while apt-get ran
  if (version !== undefined || !linuxRoot || stopped.signal.aborted) return undefined;
  note("no Docker engine answers; starting a private dockerd");
  try {
    return await startPrivateEngine({ note, signal: stopped.signal });
  } catch (error) {
    note(error.message);
    return undefined;
  }
}

/** What this machine has, looked at once and handed to every test. */
async function machine(engine) {
  if (engine) {
    process.env.DOCKER_HOST = engine.host;
    process.env.CONTAINERD_ADDRESS = engine.containerd;
    delete process.env.DOCKER_CONTEXT;
  }
  const { probe, TOOLS } = await import("../packages/testing/dist/machine.js");
  const states = Object.fromEntries(TOOLS.map((tool) => [tool, probe(tool)]));
  const alpine = states["alpine-mirror"].location;
  return {
    BASE_KIT_TEST_TOOLS: JSON.stringify(states),
    ...(alpine ? { BASE_KIT_TEST_ALPINE_MIRROR: alpine } : {}),
  };
}

/** Unit tests first: they say within seconds what system tests need minutes for. A signal ends both. */
async function runAll({ folder, env }) {
  const reasons = join(folder, "reasons");
  const shared = mkdtempSync(join(folder, "shared-"));
  const reports = [];
  const failures = [];
  for (const kind of unit ? ["unit"] : ["unit", "system"]) {
    const report = join(folder, `${kind}.json`);
    reports.push(report);
    const forTests = { ...env, BASE_KIT_TEST_SKIPS: reasons, BASE_KIT_TEST_SHARED: shared };
    failures.push(await runTests({ kind, report, env: forTests }));
    if (failures.at(-1)?.signal) break;
  }
  const failure = failures.findLast((each) => each?.signal) ?? failures.find(Boolean);
  return { failure, ...readReport({ reports, reasons, root: ROOT }) };
}

async function runTests({ kind, report, env }) {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    await run(process.execPath, [vitest, "run", ...SELECTION[kind], ...reporters, ...forVitest], {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, ...env },
    });
    return undefined;
  } catch (error) {
    if (error instanceof ChildFailure) return error;
    throw error;
  }
}

function summarize({ counts, rows, failure }) {
  const lines = [skippedTable(rows)];
  if (failure && counts.failed === 0) {
    lines.push(failure.message);
    counts.failed = 1;
  }
  if (counts.passed + counts.failed + counts.skipped === 0) {
    lines.push("no test was found");
    counts.failed = 1;
  }
  if (inCI && counts.skipped > 0) lines.push("CI is set: nothing may be skipped, so this run has failed");
  process.stdout.write(
    `\n${lines.filter(Boolean).join("\n")}${lines.some(Boolean) ? "\n" : ""}${closingLine(counts)}\n`,
  );
  return exitCodeOf(counts, { failure, inCI });
}

function note(line) {
  process.stderr.write(`npm test: ${line}\n`);
}
