import { CommanderError } from "commander";
import type { Answer } from "./grammar/answer.ts";
import type { createProgram } from "./program.ts";
import type { CommonOptions } from "./session.ts";

const USAGE = 2;
const ENVIRONMENT = 5;
const INTERNAL = 70;
/** SIGHUP, SIGINT, SIGTERM: 128 and their numbers. */
const INTERRUPTED: readonly unknown[] = [129, 130, 143];

/** The process: arguments in, results to standard output, everything else to standard error, an exit code by kind of failure. */
export async function main(argv: readonly string[]): Promise<void> {
  // `base-kit … | head` closes the pipe early; that is not a failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exitCode = 0;
    else void failOnStdout(error);
  });
  process.stderr.on("error", () => {});
  // Nobody has expected it; what is still running cannot be trusted to end.
  process.on("uncaughtException", (error) => void fail(error).then(() => process.exit()));
  let isOver = false;
  process.once("exit", () => {
    if (!isOver && process.exitCode === undefined) failAtExit();
  });
  try {
    // Loaded here, so that it is told when there are too few files for it that may be open.
    const { createProgram } = await import("./program.ts");
    const program = createProgram(perform, argv[0]);
    exitByThrowing(program);
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) await fail(error);
    else if (error.exitCode !== 0) process.exitCode = USAGE;
  }
  isOver = true;
  // What is still in a pipe that nobody reads any more would keep the process.
  if (INTERRUPTED.includes(process.exitCode)) process.exit();
}

async function perform(work: () => Promise<Answer>, options: CommonOptions): Promise<void> {
  try {
    const { value, text, exitCode = 0 } = await work();
    if (options.json === true) process.stdout.write(`${JSON.stringify(value)}\n`);
    else if (options.quiet !== true) process.stdout.write(text);
    if (exitCode !== 0) process.exitCode ??= exitCode;
  } catch (error) {
    await fail(error);
  }
}

async function failOnStdout(error: Error): Promise<void> {
  const { stdoutFailure } = await import("./standard-output.ts");
  await fail(stdoutFailure(error));
}

let told: unknown;

async function fail(error: unknown): Promise<void> {
  // What fails on standard output comes twice: to whoever writes, and as an event.
  if (error === told) return;
  told = error;
  const { text, exitCode } = await import("./render/failure.ts").then(
    ({ renderFailure }) => renderFailure(error),
    // Out of files or memory, not even that can be loaded; the first error tells.
    () => ({ text: `error: ${error instanceof Error ? error.message : error}\n`, exitCode: ENVIRONMENT }),
  );
  process.stderr.write(text);
  process.exitCode ??= exitCode;
}

/** Node ends, and well, when it has nothing to wait for any more, whether that for which all was begun has come or not. */
function failAtExit(): void {
  process.stderr.write(
    "error: base-kit has ended in the midst of its work [INTERNAL]\nThis is a bug. Please report it.\n",
  );
  process.exitCode = INTERNAL;
}

type Program = ReturnType<typeof createProgram>;

/** Commander would end the process itself; and settings of a program do not reach the commands it has already made. */
function exitByThrowing(program: Program | Program["commands"][number]): void {
  program.exitOverride().showHelpAfterError("(--help shows what there is)");
  for (const command of program.commands) exitByThrowing(command);
}

void main(process.argv.slice(2));
