import { type Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Exec, ExecOptions, ExecResult } from "@base-kit/core";
import { childEnvironment } from "./environment.ts";
import { assertNoNul, cannotStart, ended, timedOut } from "./exec-errors.ts";
import { LineSplitter, OutputTail } from "./exec-output.ts";
import { adoptGroup, endGroup } from "./process-group.ts";

const OUTPUT_AT_MOST = 16 * 1024 * 1024;

export interface CreateExecOptions {
  /** The caller's environment, of which programs see an allow-listed part. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends every program. */
  readonly signal?: AbortSignal;
}

/** An {@link Exec} that runs programs on this machine. When a signal aborts, its reason is what is thrown. */
export function createExec({ env = process.env, signal }: CreateExecOptions = {}): Exec {
  return (file, args, options = {}) =>
    run(file, args, {
      ...options,
      environment: childEnvironment(env, options.env),
      signals: [signal, options.signal].filter((each) => each !== undefined),
    });
}

interface RunOptions extends Omit<ExecOptions, "env" | "signal"> {
  readonly environment: Record<string, string>;
  readonly signals: readonly AbortSignal[];
}

async function run(file: string, args: readonly string[], options: RunOptions): Promise<ExecResult> {
  assertNoNul(file, args);
  const { execa } = await import("execa");
  for (const signal of options.signals) signal.throwIfAborted();
  const child = execa(file, [...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.environment,
    extendEnv: false,
    stdin: options.stdin === undefined ? "ignore" : "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // Back pressure and bounds are ours: execa would keep everything.
    buffer: false,
    reject: false,
    // Its own group (and session), so that what the program starts can be ended with it.
    detached: true,
    cleanup: false,
  });
  const leader = child.pid;
  if (leader === undefined) throw cannotStart(file, options.cwd, (await child).cause);
  // Otherwise execa lets the output flow away before the consumer asks for it.
  child.stdout.pause();
  child.stderr.pause();

  const group = adoptGroup(leader);
  child.once("exit", group.killRest);
  const stdout = new OutputTail(options.maxOutput ?? OUTPUT_AT_MOST);
  const stderr = new OutputTail(options.maxOutput ?? OUTPUT_AT_MOST);

  // The first thing that goes wrong outside the program is what is thrown; the program is ended because of it.
  let failure: { readonly error: unknown } | undefined;
  let ending: Promise<void> | undefined;
  let over = false;
  const stop = (error: unknown): void => {
    if (over || failure !== undefined) return;
    failure = { error };
    // Whoever reads the output must see an error, not an end.
    child.stdout.destroy(asError(error));
    ending = endGroup(leader, options.graceMs).then(() => {
      // A descendant in a session of its own may still hold the other ends.
      child.stderr.destroy();
      child.stdin?.destroy();
    });
  };
  const watched = (work: Promise<void>): Promise<void> => work.catch(stop);
  const forget = onAbort(options.signals, stop);
  const timer = options.timeoutMs && setTimeout(() => stop(timedOut(file, options.timeoutMs ?? 0)), options.timeoutMs);
  try {
    const reading = [
      options.stdout === undefined
        ? watched(collect(child.stdout, stdout, options.onStdoutLine))
        : watched(consume(child.stdout, options.stdout)),
      watched(collect(child.stderr, stderr, options.onStderrLine)),
    ];
    if (options.stdin !== undefined && child.stdin instanceof Writable) watched(feed(child.stdin, options.stdin));
    const result = await child;
    await Promise.all(reading);
    await ending;
    if (failure !== undefined) throw failure.error;
    return ended(result, { file, args, stdout, stderr, expected: options.expectedExitCodes ?? [0] });
  } finally {
    over = true;
    clearTimeout(timer || undefined);
    forget();
    group.release();
  }
}

/** Keeps the end of an output and tells its lines. */
async function collect(stream: Readable, tail: OutputTail, onLine?: (line: string) => void): Promise<void> {
  const lines = onLine && new LineSplitter(onLine);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    tail.add(chunk);
    lines?.add(chunk);
  }
  lines?.end();
}

/** Gives the output to the consumer; what it leaves is read and dropped, so that the program can go on. */
async function consume(stream: Readable, consumer: NonNullable<ExecOptions["stdout"]>): Promise<void> {
  await consumer(stream.iterator({ destroyOnReturn: false }));
  if (stream.readableEnded || stream.destroyed) return;
  stream.resume();
  await finished(stream);
}

/**
 * Asks for a chunk of the input when the one before has left this process, so that its memory may be used again. A program may stop
 * reading early (EPIPE): its exit code tells whether that was right.
 */
async function feed(stdin: Writable, input: NonNullable<ExecOptions["stdin"]>): Promise<void> {
  stdin.on("error", () => {});
  for await (const chunk of input instanceof Uint8Array ? [input] : input) {
    if (stdin.destroyed) return;
    await written(stdin, chunk);
  }
  stdin.end();
}

function written(stdin: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stdin.off("close", done);
      resolve();
    };
    stdin.on("close", done);
    stdin.write(chunk, done);
  });
}

function onAbort(signals: readonly AbortSignal[], stop: (reason: unknown) => void): () => void {
  const listeners = signals.map((signal) => ({ signal, listener: () => stop(signal.reason) }));
  for (const { signal, listener } of listeners) signal.addEventListener("abort", listener);
  return () => {
    for (const { signal, listener } of listeners) signal.removeEventListener("abort", listener);
  };
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
