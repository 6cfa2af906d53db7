import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, type ErrorKind, printable } from "@base-kit/core";
import { diskFull } from "./preflight.ts";

const LOG_LINES = 12;

export interface FailedRun {
  /** What was being made, for the message. */
  readonly subject: string;
  readonly target: string;
  /** debootstrap's own messages. */
  readonly output: string;
  readonly exitCode: number;
}

interface Cause {
  readonly pattern: RegExp;
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string;
}

/** What debootstrap's messages mean; the first that fits. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /^E: Couldn't find these debs: /m,
    code: "PACKAGE_UNKNOWN",
    kind: "usage",
    hint: "Check the names given by --include, and whether their component is among --components.",
  },
  {
    pattern: /was corrupt$/m,
    code: "DOWNLOAD_CORRUPT",
    kind: "verification",
    hint: "The mirror sent something else than its Release says; it may be in the middle of an update. Try again, or another mirror.",
  },
  {
    pattern: /^[EW]: (?:Couldn't download|Failed getting)/m,
    code: "DOWNLOAD_FAILED",
    kind: "network",
    hint: "Is the mirror complete and reachable? Try again, or another mirror.",
  },
  {
    pattern: /^E: Unable to execute target architecture|[Ee]xec format error/m,
    code: "ARCHITECTURE_FOREIGN",
    kind: "unsupported",
    hint: "This machine cannot run the programs of that architecture: apt-get install qemu-user-static binfmt-support.",
  },
];

/** The error for a debootstrap that gave up: its telling lines and the end of its log, sorted by what to do about it. */
export async function explainFailure(run: FailedRun, context: Context): Promise<BaseKitError> {
  const log = await readLog(run.target);
  if (/No space left on device|Disk quota exceeded/.test(`${run.output}\n${log}`)) return diskFull(context);
  const said = run.output.split("\n").filter((line) => /^[EW]: /.test(line));
  const cause = CAUSES.find(({ pattern }) => pattern.test(`${run.output}\n${log}`));
  const what = said.length === 0 ? [`it ended with exit code ${run.exitCode}`] : [...new Set(said)].slice(-LOG_LINES);
  const end = log.trimEnd().split("\n").slice(-LOG_LINES);
  const lines = [
    `debootstrap could not make ${run.subject}:`,
    ...what.map((line) => `  ${shown(line)}`),
    ...(log.trim() === "" ? [] : ["The end of its log:", ...end.map((line) => `  ${shown(line)}`)]),
  ];
  return new BaseKitError(cause?.code ?? "DEBOOTSTRAP_FAILED", lines.join("\n"), {
    kind: cause?.kind ?? "failure",
    hint: `${cause?.hint ?? "A package's own script may have failed; the log tells which."} Nothing was left behind.`,
  });
}

/** It is moved when debootstrap succeeds. */
async function readLog(target: string): Promise<string> {
  const read = (path: string) => readFile(join(target, path), "utf8").catch(() => undefined);
  return (await read("debootstrap/debootstrap.log")) ?? (await read("var/log/bootstrap.log")) ?? "";
}

/** Escaped, but without quotes: these are sentences. */
function shown(line: string): string {
  return printable(line.trimEnd()).replace(/^"(.*)"$/s, "$1");
}
