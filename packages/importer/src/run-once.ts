import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, type Context, type Image, isBaseKitError } from "@base-kit/core";
import { assembleImage } from "@base-kit/oci";
import { connectionFailure } from "./connection-errors.ts";
import { discardOwn } from "./discard.ts";
import { type Engine, engineName } from "./engine.ts";
import { answerInvalid, engineLost, engineRefused, sentence } from "./engine-errors.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { ask, type EngineRequest, type HttpEndpoint } from "./request.ts";
import { engineSink } from "./sink.ts";

/** What became of a container. */
export interface RunOnce {
  /** Absent when it was still running when the time was over, or never started. */
  readonly exitCode?: number;
  /** Why it could not be started, in the engine's words. */
  readonly refused?: string;
  /** The end of what it wrote, standard output and standard error as they came. */
  readonly output: string;
}

const LABEL = "base-kit.started-once";

/** Lines, and bytes that the engine keeps of them: a program that does nothing but write must not fill its disk. */
const LINES = 200;
const LOG_SIZE = "1m";
const REMOVAL_MS = 10_000;
const APPEARING_MS = 2_000;

/**
 * Starts an image in a container without a network, waits for its end or for the time to be over, and removes the container
 * whatever happened, and what it was started from. It is run: only for programs that are trusted.
 *
 * @throws BaseKitError `ENGINE_…` (environment)
 */
export async function runImageOnce(
  engine: Engine,
  image: Image,
  { seconds, context }: { readonly seconds: number; readonly context: Context },
): Promise<RunOnce> {
  const { address } = engine;
  if (address.type === "ssh") {
    throw new BaseKitError("ENGINE_SSH", `nothing is started in ${engineName(engine)}: it is reached through ssh`, {
      kind: "environment",
      hint: "Name an engine of this machine with --docker-host.",
    });
  }
  const call = caller(engine, address, context);
  const { id } = await engineSink(engine).write([ownImage(image)], [], context);
  try {
    return await runContainer(id, { call, seconds, context });
  } finally {
    await discardOwn(engine, id);
  }
}

/** Under an id that no other image has: one that is there already, or comes meanwhile, is left alone. */
function ownImage({ platform, runtime, layers }: Image): Image {
  const labels = { ...runtime.labels, [LABEL]: randomBytes(8).toString("hex") };
  return assembleImage({ platform, runtime: { ...runtime, labels } }, layers, { created: 0 });
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  /** @default that of a question */
  readonly timeoutMs?: number;
}

type Call = (question: EngineRequest, options?: CallOptions) => Promise<Answer>;

function caller(engine: Engine, address: HttpEndpoint, context: Context): Call {
  const version = /^\d+\.\d+$/.test(engine.apiVersion) ? `/v${engine.apiVersion}` : "";
  return async ({ path, ...question }, { signal = context.signal, timeoutMs = DEFAULT_LIMITS.question } = {}) => {
    try {
      return await ask(address, { ...question, path: `${version}${path}` }, { signal, timeoutMs });
    } catch (error) {
      signal.throwIfAborted();
      throw engineLost(
        connectionFailure(error).why,
        { doing: "starting the image", engine: engineName(engine) },
        error,
      );
    }
  };
}

async function runContainer(
  id: string,
  { call, seconds, context }: { readonly call: Call; readonly seconds: number; readonly context: Context },
): Promise<RunOnce> {
  const name = `base-kit-check-${randomBytes(6).toString("hex")}`;
  const path = `/containers/${name}`;
  const log = { Type: "json-file", Config: { "max-size": LOG_SIZE } };
  const json = { Image: id, HostConfig: { NetworkMode: "none", LogConfig: log } };
  let isAnswered = false;
  try {
    const made = await call({ method: "POST", path: `/containers/create?name=${name}`, json });
    isAnswered = true;
    if (made.status !== 201) throw refusedBy(made);
    const started = await call({ method: "POST", path: `${path}/start` });
    if (started.status >= 300) return { refused: sentence(messageOf(started)), output: "" };
    const exitCode = await ended(`${path}/wait`, { call, seconds, context });
    const { status, body } = await call({ method: "GET", path: `${path}/logs?stdout=1&stderr=1&tail=${LINES}` });
    return { ...(exitCode === undefined ? {} : { exitCode }), output: status === 200 ? textOfLog(body) : "" };
  } finally {
    await remove(path, { call, mayAppear: !isAnswered });
  }
}

/** Also after an interruption, when the engine may still be making the container. */
async function remove(
  path: string,
  { call, mayAppear }: { readonly call: Call; readonly mayAppear: boolean },
): Promise<void> {
  const signal = AbortSignal.timeout(mayAppear ? APPEARING_MS : REMOVAL_MS);
  try {
    for (;;) {
      const { status } = await call({ method: "DELETE", path: `${path}?force=1&v=1` }, { signal });
      if (status !== 404 || !mayAppear) return;
      await sleep(100, undefined, { signal });
    }
  } catch {
    // What is reported is why it had to go.
  }
}

async function ended(
  path: string,
  { call, seconds, context }: { readonly call: Call; readonly seconds: number; readonly context: Context },
): Promise<number | undefined> {
  const over = AbortSignal.timeout(seconds * 1000);
  try {
    const signal = AbortSignal.any([context.signal, over]);
    const { status, body } = await call({ method: "POST", path }, { signal, timeoutMs: seconds * 1000 + REMOVAL_MS });
    const answer: unknown = status === 200 ? JSON.parse(body.toString("utf8")) : undefined;
    const code =
      typeof answer === "object" && answer !== null && "StatusCode" in answer ? answer.StatusCode : undefined;
    if (typeof code === "number") return code;
    throw answerInvalid("did not say how the container ended", { doing: "waiting for its end", engine: "the engine" });
  } catch (error) {
    context.signal.throwIfAborted();
    if (over.aborted && !isBaseKitError(error)) return undefined;
    throw error;
  }
}

function refusedBy(answer: Answer): BaseKitError {
  return engineRefused(messageOf(answer), { doing: "making a container", engine: "the engine" });
}

function messageOf({ status, body }: Answer): string {
  const text = body.toString("utf8");
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null && "message" in answer) return String(answer.message);
  } catch {
    // Told as it is.
  }
  return `HTTP ${status} ${text}`.trim();
}

/** Frames of eight bytes in front of each piece: which stream it is of, and its length (Docker Engine API, "Stream format"). */
function textOfLog(body: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= body.length; ) {
    const length = body.readUInt32BE(at + 4);
    parts.push(body.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}
