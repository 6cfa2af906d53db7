// Child processes of the launcher and of the test run.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** A program ended with another code than 0, by a signal, or could not be started. */
export class ChildFailure extends Error {
  constructor(message, { exitCode, signal }) {
    super(message);
    this.name = "ChildFailure";
    this.exitCode = exitCode;
    this.signal = signal;
  }
}

/**
 * Runs a program with its output on stderr: stdout belongs to the command line alone. When this process is told to
 * stop, the program is told too and waited for, so that nothing goes on writing after we are gone.
 *
 * @throws {ChildFailure} `signal` is set when a signal ended the run; `exitCode` is then what a shell would show.
 */
export async function run(
  command,
  args,
  { cwd, started = () => {}, stdio = ["ignore", 2, 2], env = cleanEnvironment() },
) {
  const child = spawn(command, args, { cwd, env, stdio });
  let received;
  const forward = (signal) => {
    received ??= signal;
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    const { code, signal } = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal }));
      if (child.pid !== undefined) started(child.pid);
    });
    const by = received ?? signal ?? undefined;
    if (by)
      throw new ChildFailure(`\`${show(command, args)}\` was stopped by ${by}`, {
        exitCode: shellCode(by),
        signal: by,
      });
    if (code !== 0) throw new ChildFailure(`\`${show(command, args)}\` failed: exit code ${code}`, {});
  } catch (error) {
    if (error instanceof ChildFailure) throw error;
    throw new ChildFailure(`\`${show(command, args)}\` could not be started: ${error.message}`, {});
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}

/** The exit code a shell shows for a program that a signal ended. */
export function shellCode(signal) {
  return 128 + (constants.signals[signal] ?? 0);
}

/** npm passes its settings to what it starts; an inner npm must not inherit those of an outer `npm start`. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(config|lifecycle|package)_/i.test(key)),
  );
}

function show(command, args) {
  return [command, ...args.slice(0, 2)].map((part) => part.split("/").at(-1)).join(" ");
}
