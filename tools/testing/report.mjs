// What a test run comes to: counts, and a table of what was skipped and why.
import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";

/**
 * Reads vitest's JSON reports and the reasons that `requires()` noted.
 *
 * @returns counts, and a row for every file with skipped tests
 */
export function readReport({ reports, reasons, root }) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const why = readReasons(reasons);
  const rows = [];
  for (const { name, status, assertionResults } of reports.flatMap(readResults)) {
    const passed = assertionResults.filter((test) => test.status === "passed").length;
    const failed = assertionResults.filter((test) => test.status === "failed").length;
    const skipped = assertionResults.length - passed - failed;
    counts.passed += passed;
    // A file that could not be loaded, or whose hook failed, has failed even if no test of it has.
    counts.failed += failed === 0 && status === "failed" ? 1 : failed;
    counts.skipped += skipped;
    if (skipped > 0)
      rows.push({ file: relative(root, name), skipped, reason: why.get(name) ?? "the test itself says so" });
  }
  return { counts, rows };
}

export function skippedTable(rows) {
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(({ file }) => file.length));
  const lines = rows.map(
    ({ file, skipped, reason }) => `  ${file.padEnd(width)}  ${String(skipped).padStart(4)}  ${reason}`,
  );
  return ["Skipped, and why:", ...lines, ""].join("\n");
}

export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** In CI everything has to be at hand: a test that was skipped has failed there. */
export function exitCodeOf({ failed, skipped }, { failure, inCI }) {
  if (failure?.signal) return failure.exitCode;
  return failed > 0 || (inCI && skipped > 0) ? 1 : 0;
}

function readResults(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).testResults : [];
}

function readReasons(file) {
  const reasons = new Map();
  if (!existsSync(file)) return reasons;
  for (const line of new Set(readFileSync(file, "utf8").split("\n").filter(Boolean))) {
    const { test, reason } = JSON.parse(line);
    const known = reasons.get(test);
    reasons.set(test, known ? `${known}; ${reason}` : reason);
  }
  return reasons;
}
