import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { DeflateBlock } from "../gzip.ts";
import { deflateBlock } from "./deflate-block.ts";

/** What a worker is sent. */
export interface DeflateJob {
  readonly block: Uint8Array;
  readonly dictionary: Uint8Array | undefined;
  readonly last: boolean;
}

/** More gain nothing: the thread that feeds them has to read and hash meanwhile. */
const WORKERS_AT_MOST = 8;

/** `deflateBlock` on all cores. The bytes are those of one thread: blocks do not know of each other. */
export const portableDeflate: DeflateBlock = async (block, { last, dictionary }) => {
  const result = await (canHaveWorkers()
    ? inWorker({ block, dictionary, last })
    : deflateBlock(block, dictionary, last));
  return Buffer.from(result.buffer, result.byteOffset, result.byteLength);
};

/** Node cannot load TypeScript into a worker; sources as they are work in this thread. */
function canHaveWorkers(): boolean {
  return !import.meta.url.endsWith(".ts");
}

const idle: Worker[] = [];
const waiting: ((worker: Worker) => void)[] = [];
let workers = 0;

async function inWorker(job: DeflateJob): Promise<Uint8Array> {
  const worker = await takeWorker();
  // An idle worker does not keep the process; one at work does.
  worker.ref();
  const result = await new Promise<Uint8Array>((resolve, reject) => {
    const failed = (error: Error) => {
      // It is gone, and its place is free.
      workers -= 1;
      reject(error);
    };
    worker.once("error", failed);
    worker.once("message", (answer: Uint8Array) => {
      worker.removeListener("error", failed);
      resolve(answer);
    });
    worker.postMessage(job);
  });
  worker.unref();
  const next = waiting.shift();
  if (next === undefined) idle.push(worker);
  else next(worker);
  return result;
}

function takeWorker(): Worker | Promise<Worker> {
  const ready = idle.pop();
  if (ready !== undefined) return ready;
  if (workers < Math.min(WORKERS_AT_MOST, availableParallelism())) {
    workers += 1;
    return new Worker(new URL("./deflate-worker.js", import.meta.url));
  }
  return new Promise((resolve) => waiting.push(resolve));
}
