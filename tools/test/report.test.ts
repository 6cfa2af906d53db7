import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closingLine, exitCodeOf, readReport, skippedTable } from "../testing/report.mjs";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-report-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function read(testResults: readonly object[], reasons: readonly object[] = []) {
  const reasonsFile = join(folder, "reasons");
  writeFileSync(reasonsFile, reasons.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return readReport({ reports: testResults.map(reportOf), reasons: reasonsFile, root: "/repo" });
}

/** Each file in a report of its own: a run may have several. */
function reportOf(result: object, position: number): string {
  const path = join(folder, `report-${position}.json`);
  writeFileSync(path, JSON.stringify({ testResults: [result] }));
  return path;
}

function file(name: string, status: string, ...tests: readonly string[]) {
  return { name: `/repo/${name}`, status, assertionResults: tests.map((each) => ({ status: each })) };
}

it("counts tests by outcome", () => {
  const { counts } = read([
    file("a", "failed", "passed", "failed"),
    file("b", "passed", "passed", "skipped", "pending", "todo"),
  ]);
  expect(closingLine(counts)).toBe("2 passed, 1 failed, 3 skipped");
});

it("counts a file that could not be loaded as failed", () => {
  expect(read([file("a", "failed"), file("b", "failed", "passed")]).counts).toEqual({
    passed: 1,
    failed: 2,
    skipped: 0,
  });
});

it("says for each file with skipped tests what was missing", () => {
  const { rows } = read(
    [
      file("a.test.ts", "passed", "skipped", "skipped"),
      file("bb.test.ts", "passed", "skipped"),
      file("c.test.ts", "passed", "passed"),
    ],
    [
      { test: "/repo/a.test.ts", reason: "docker: no engine answers" },
      { test: "/repo/a.test.ts", reason: "docker: no engine answers" },
      { test: "/repo/a.test.ts", reason: "root: not running as root" },
    ],
  );
  expect(skippedTable(rows)).toBe(
    [
      "Skipped, and why:",
      "  a.test.ts      2  docker: no engine answers; root: not running as root",
      "  bb.test.ts     1  the test itself says so",
      "",
    ].join("\n"),
  );
});

it("comes to nothing without a report, as after a crash", () => {
  const { counts, rows } = readReport({
    reports: [join(folder, "none")],
    reasons: join(folder, "none"),
    root: "/repo",
  });
  expect({ counts, rows }).toEqual({ counts: { passed: 0, failed: 0, skipped: 0 }, rows: [] });
});

it.each([
  ["that passed is a success", { failed: 0, skipped: 0 }, { inCI: true }, 0],
  ["with skipped tests is one too", { failed: 0, skipped: 1 }, { inCI: false }, 0],
  ["but not in CI", { failed: 0, skipped: 1 }, { inCI: true }, 1],
  ["with a failed test is a failure", { failed: 1, skipped: 0 }, { inCI: false }, 1],
  [
    "that was stopped has the code a shell shows",
    { failed: 1, skipped: 0 },
    { inCI: true, failure: { signal: "SIGINT", exitCode: 130 } },
    130,
  ],
] as const)("a run %s", (_, counts, { inCI, ...more }, expected) => {
  expect(exitCodeOf(counts, { failure: undefined, inCI, ...more })).toBe(expected);
});
