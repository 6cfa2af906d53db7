import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** What a thread is asked for, one thing at a time. */
interface Job {
  readonly compressed: Uint8Array;
  readonly limit: number;
  readonly done: (answer: Answer) => void;
  readonly failed: (error: unknown) => void;
}

/** `code` is what the decoder said where it could not go on. */
export type Answer = { readonly bytes: Uint8Array } | { readonly tooLarge: true } | { readonly damaged: string };

const AT_MOST = 8;
const waiting: Job[] = [];
const idle: Worker[] = [];
let started = 0;

/**
 * Decodes whole .xz streams on other threads, as many at once as there are cores. The structure of the data has been checked
 * before: the decoder itself would allocate whatever it asks for.
 */
export function unxzOnThread(compressed: Uint8Array, limit: number): Promise<Answer> {
  return new Promise((done, failed) => {
    waiting.push({ compressed, limit, done, failed });
    if (idle.length === 0 && started < Math.min(AT_MOST, availableParallelism())) start();
    next();
  });
}

function next(): void {
  while (idle.length > 0 && waiting.length > 0) {
    const worker = idle.pop() as Worker;
    run(worker, waiting.shift() as Job);
  }
}

function run(worker: Worker, job: Job): void {
  // Only a thread that works keeps the process alive.
  worker.ref();
  const settle = (): void => {
    worker.off("message", onMessage).off("error", onError).off("exit", onExit);
    worker.unref();
  };
  const onMessage = (answer: Answer): void => {
    settle();
    idle.push(worker);
    job.done(answer);
    next();
  };
  const onError = (error: unknown): void => {
    settle();
    started -= 1;
    job.failed(error);
    if (waiting.length > 0) start();
    next();
  };
  const onExit = (): void => onError(new Error("a decoding thread ended"));
  worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  worker.postMessage({ compressed: job.compressed, limit: job.limit });
}

function start(): void {
  started += 1;
  const library = createRequire(import.meta.url).resolve("xz-decompress");
  const worker = new Worker(CODE, { eval: true, workerData: library, execArgv: [] });
  worker.unref();
  idle.push(worker);
}

/** As text, so that it is the same from sources and when compiled, and needs no file that a bundler would have to know of. */
const CODE = `
const { parentPort, workerData } = require("node:worker_threads");
const { ReadableStream } = require("node:stream/web");
const { XzReadableStream } = require(workerData);
// Its lock is not released by a stream that is left early; here there is one stream at a time.
XzReadableStream._contextMutex = { acquire: async () => {}, release: () => {} };
parentPort.on("message", async ({ compressed, limit }) => {
  const parts = [];
  let size = 0;
  try {
    const source = new ReadableStream({ start(queue) { queue.enqueue(compressed); queue.close(); } });
    for await (const part of new XzReadableStream(source)) {
      size += part.length;
      if (size > limit) return parentPort.postMessage({ tooLarge: true });
      parts.push(part);
    }
  } catch (error) {
    return parentPort.postMessage({ damaged: String(error) });
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) { bytes.set(part, at); at += part.length; }
  parentPort.postMessage({ bytes }, [bytes.buffer]);
});
`;
