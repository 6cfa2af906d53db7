import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Rooms } from "./rooms.ts";

/** One stream of .xz data inside of one of the threads. */
export interface XzDecoder {
  /**
   * Goes on decoding, with more input where the last step asked for it; empty input tells that none is left. The input is
   * handed over: its memory is gone afterwards, or comes back into `xzInputs`.
   *
   * @throws XzDecoderError
   */
  step(input?: Uint8Array<ArrayBuffer>): Promise<XzStep>;
  /** An output that nobody looks at any more, for others to come; only of a `transient` one. */
  giveBack(output: Uint8Array<ArrayBuffer>): void;
  /** Forgets the stream; has to be called once, whatever happened. */
  close(): void;
}

export interface XzStep {
  /** At most 1 MiB, so that a reader that stops, stops a bomb too. */
  readonly output: Uint8Array<ArrayBuffer>;
  readonly then: "more output" | "more input" | "end";
}

/** What the decoder said where it could not go on. */
export class XzDecoderError extends Error {}

const THREADS_AT_MOST = 8;
const threads: Thread[] = [];
let lastId = 0;

interface Thread {
  readonly worker: Worker;
  /** Open streams. */
  streams: number;
  /** Ends it, unless there comes another stream. */
  idle?: NodeJS.Timeout;
  readonly waiting: Map<number, Waiting>;
}

interface Waiting {
  readonly resolve: (step: XzStep) => void;
  readonly reject: (error: Error) => void;
}

type Answer = XzStep & {
  readonly id: number;
  /** The input that was used up. */
  readonly input?: ArrayBuffer;
  readonly error?: string;
};

const IDLE_MS = 500;
const OUTPUT_SIZE = 1024 * 1024;
/** What goes to a thread at once: a message costs as much as decoding a few KiB. */
export const xzInputs: Rooms = new Rooms({ size: 256 * 1024, atMost: 2 * THREADS_AT_MOST });
const outputs = new Rooms({ size: OUTPUT_SIZE, atMost: 2 * THREADS_AT_MOST });

/** How many streams keep every thread busy: each thread finds its next work while an answer is on its way. */
export function xzDecodersAtOnce(): number {
  return 2 * threadsAtMost();
}

/**
 * A decoder on another thread: as many threads as there are cores, kept for a moment for the next stream; any number of streams share
 * them, one step at a time, so that one whose reader is slow holds up no other. They keep the process alive only while a
 * step is under way. The structure of the data has to be checked before: the decoder allocates what a header asks for.
 *
 * @param transient each output is given back
 */
export function openXzDecoder({ transient = false }: { readonly transient?: boolean } = {}): XzDecoder {
  const thread = leastBusy();
  const id = ++lastId;
  let closed = false;
  clearTimeout(thread.idle);
  thread.streams += 1;
  return {
    step: (input) =>
      new Promise((resolve, reject) => {
        if (closed) throw new Error("the stream is closed");
        if (!threads.includes(thread)) throw ended();
        if (thread.waiting.size === 0) thread.worker.ref();
        thread.waiting.set(id, { resolve, reject });
        const room = transient ? outputs.take() : undefined;
        const handedOver = [input?.buffer, room].filter((each) => each !== undefined);
        thread.worker.postMessage({ id, input, room }, handedOver);
      }),
    giveBack: ({ buffer }) => outputs.giveBack(buffer),
    close: () => {
      closed = true;
      thread.streams -= 1;
      thread.worker.postMessage({ id, close: true });
      if (thread.streams === 0) thread.idle = setTimeout(end, IDLE_MS, thread).unref();
    },
  };
}

function leastBusy(): Thread {
  const [best] = threads.toSorted((a, b) => a.streams - b.streams);
  return best !== undefined && (best.streams === 0 || threads.length >= threadsAtMost()) ? best : start();
}

/** What a thread holds, memory of large dictionaries above all, is not kept for who may never come. */
function end(thread: Thread): void {
  forget(thread);
  void thread.worker.terminate();
}

function forget(thread: Thread): void {
  if (threads.includes(thread)) threads.splice(threads.indexOf(thread), 1);
}

function threadsAtMost(): number {
  return Math.min(THREADS_AT_MOST, availableParallelism());
}

function start(): Thread {
  const library = createRequire(import.meta.url).resolve("xz-decompress");
  // Without the options of this process: a loader for sources would only slow the thread down.
  const worker = new Worker(CODE, { eval: true, workerData: library, execArgv: [], env: {} });
  const thread: Thread = { worker, streams: 0, waiting: new Map() };
  threads.push(thread);
  worker.unref();
  worker.on("message", (answer: Answer) => {
    const waiting = thread.waiting.get(answer.id);
    thread.waiting.delete(answer.id);
    if (thread.waiting.size === 0) worker.unref();
    if (answer.input !== undefined) xzInputs.giveBack(answer.input);
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new XzDecoderError(answer.error));
  });
  const onEnd = (why: unknown): void => {
    forget(thread);
    for (const { reject } of thread.waiting.values()) reject(ended(why));
    thread.waiting.clear();
  };
  worker.on("error", onEnd).on("exit", onEnd);
  return thread;
}

function ended(cause?: unknown): Error {
  return new Error("the thread that decodes xz has ended", { cause });
}

/**
 * As text, so that it is the same from sources and when compiled, and needs no file that a bundler would have to know of.
 *
 * The library's stream gives 64 KiB per turn of the event loop and knows one stream at a time; what is called here are the
 * functions of XZ Embedded below it (`native/xz-decompress.c` of the library). Memory of WebAssembly never shrinks, so an
 * instance that has had a large dictionary is left to the garbage collector when its last stream ends.
 */
const CODE = `
const { parentPort, workerData } = require("node:worker_threads");
const { XzReadableStream } = require(workerData);
const OUTPUT_SIZE = ${OUTPUT_SIZE};
const KEPT_SIZE = 32 * 1024 * 1024;
const scratch = new Uint8Array(OUTPUT_SIZE);
const NOTHING = new Uint8Array(0);
const streams = new Map();
let instance;
let queue = Promise.resolve();

parentPort.on("message", (message) => {
  queue = queue.then(() => (message.close ? close(message.id) : step(message)));
});

async function step({ id, input, room }) {
  try {
    const stream = streams.get(id) ?? (await open(id));
    if (input !== undefined) {
      stream.input = input;
      stream.ended = input.length === 0;
    }
    const answer = decode(stream, room);
    const handedBack = [answer.output.buffer];
    // Used up: others can be read into its memory.
    if (stream.input.length === 0 && stream.input !== NOTHING) {
      answer.input = stream.input.buffer;
      handedBack.push(answer.input);
      stream.input = NOTHING;
    }
    parentPort.postMessage({ id, ...answer }, handedBack);
  } catch (error) {
    parentPort.postMessage({ id, error: error.message });
  }
}

async function open(id) {
  if (instance === undefined) {
    await XzReadableStream._getModuleInstance();
    instance = { exports: XzReadableStream._moduleInstance.exports, streams: 0 };
  }
  const stream = { instance, context: instance.exports.create_context(), input: NOTHING, ended: false };
  instance.streams += 1;
  streams.set(id, stream);
  return stream;
}

function close(id) {
  const stream = streams.get(id);
  if (stream === undefined) return;
  streams.delete(id);
  const { exports } = stream.instance;
  exports.destroy_context(stream.context);
  stream.instance.streams -= 1;
  if (stream.instance.streams === 0 && exports.memory.buffer.byteLength > KEPT_SIZE && stream.instance === instance) {
    instance = undefined;
    XzReadableStream._moduleInstance = undefined;
  }
}

/** The context begins with: buffer size; input at, position, size; output at, position, size. */
function decode(stream, room) {
  const { exports } = stream.instance;
  const field = (index) => new Uint32Array(exports.memory.buffer, stream.context, 7)[index];
  let size = 0;
  const output = room === undefined ? scratch : new Uint8Array(room);
  const answer = (then) => ({ output: room === undefined ? output.slice(0, size) : output.subarray(0, size), then });
  while (size + field(0) <= OUTPUT_SIZE) {
    if (field(2) === field(3)) {
      if (stream.input.length === 0 && !stream.ended) return answer("more input");
      const piece = stream.input.subarray(0, field(0));
      new Uint8Array(exports.memory.buffer, field(1), piece.length).set(piece);
      exports.supply_input(stream.context, piece.length);
      stream.input = stream.input.subarray(piece.length);
    }
    const code = exports.get_next_output(stream.context);
    if (code !== 0 && code !== 1) throw new Error("the decoder failed with code " + code);
    const given = field(5);
    output.set(new Uint8Array(exports.memory.buffer, field(4), given), size);
    size += given;
    new Uint32Array(exports.memory.buffer, stream.context, 7)[5] = 0;
    if (code === 1) return answer("end");
  }
  return answer("more output");
}
`;
