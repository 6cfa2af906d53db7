import type { ClientRequest, IncomingMessage } from "node:http";
import { isBaseKitError } from "@base-kit/core";
import { connectionFailure } from "./connection-errors.ts";
import { type Attempt, answerInvalid, engineLost, engineRefused, engineSilent } from "./engine-errors.ts";
import { type IdleWatch, watchIdle } from "./idle-watch.ts";
import { type EngineMessage, engineMessages, MalformedAnswer } from "./json-lines.ts";
import type { Limits } from "./limits.ts";
import { type HttpEndpoint, openRequest } from "./request.ts";
import { ConnectionError, refusal, responseTo } from "./response.ts";

/** What a source gets to close its files in when the engine has gone. */
const SOURCE_CLOSES_MS = 1000;

export interface Upload {
  readonly endpoint: HttpEndpoint;
  /** With query. */
  readonly path: string;
  readonly tar: AsyncIterable<Uint8Array>;
  readonly onMessage: (message: EngineMessage) => void;
  readonly attempt: Attempt;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/**
 * Sends a tar to the engine and reads its answer to the end. The body is chunked and ended only when the tar is complete;
 * whatever goes wrong before destroys the connection, because an engine takes a body that was ended early for a whole image.
 *
 * This is the one thing dockerode does not do: docker-modem pipes a stream into the request and neither tells a closed source
 * from one that is still coming nor destroys it when the engine goes away; it sends another Content-Type, buffers the body of an
 * HTTP error without a bound, and has no limit for silence.
 */
export async function upload(job: Upload): Promise<void> {
  const { attempt, limits, signal } = job;
  signal.throwIfAborted();
  const request = openRequest(job.endpoint, {
    method: "POST",
    path: job.path,
    headers: { "Content-Type": "application/x-tar", "Transfer-Encoding": "chunked" },
  });
  // The first failure is the reason; what follows from it is noise.
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    request.destroy();
  };
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener("abort", onAbort);
  const idle = watchIdle(limits.upload, (milliseconds) => fail(engineSilent(milliseconds, attempt)));
  const response = responseTo(request);
  const sending = send(request, job.tar, idle).then(() => idle.allow(limits.unpacking), fail);
  try {
    await receive(await response, { ...job, touch: idle.touch });
  } catch (error) {
    fail(error);
  } finally {
    request.destroy();
    idle.stop();
    signal.removeEventListener("abort", onAbort);
  }
  await settledWithin(sending, SOURCE_CLOSES_MS);
  if (failure === undefined) return;
  const { error } = failure;
  throw error instanceof ConnectionError ? engineLost(connectionFailure(error.cause).why, attempt, error.cause) : error;
}

/**
 * Asks for a chunk when the one before has left this process, so that its memory may be used again; stops quietly when the
 * connection is gone, for whoever reads the answer knows why. While the source takes its time nothing is waited for from the engine.
 */
async function send(request: ClientRequest, tar: AsyncIterable<Uint8Array>, idle: IdleWatch): Promise<void> {
  idle.pause();
  for await (const chunk of tar) {
    if (request.destroyed) return;
    idle.resume();
    await written(request, chunk);
    idle.pause();
  }
  if (!request.destroyed) request.end();
}

/** A source that never yields again is not waited for. */
async function settledWithin(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function written(request: ClientRequest, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off("close", done);
      resolve();
    };
    request.on("close", done);
    request.write(chunk, done);
  });
}

async function receive(
  response: IncomingMessage,
  { attempt, onMessage, touch }: Pick<Upload, "attempt" | "onMessage"> & { readonly touch: () => void },
): Promise<void> {
  if (response.statusCode !== 200) throw engineRefused(await refusal(response), attempt);
  try {
    for await (const message of engineMessages(response)) {
      touch();
      if (message.error !== undefined) throw engineRefused(message.error, attempt);
      onMessage(message);
    }
  } catch (error) {
    if (error instanceof MalformedAnswer) throw answerInvalid(error.message, attempt, error);
    if (isBaseKitError(error)) throw error;
    throw new ConnectionError("the answer was cut", { cause: error });
  }
}
