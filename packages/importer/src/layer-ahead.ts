import { randomBytes } from "node:crypto";
import { type Context, type Image, isBaseKitError, type StepHandle } from "@base-kit/core";
import type { EngineClient, OpenClient } from "./client.ts";
import { discardLabelled, discardOwn } from "./discard.ts";
import type { Engine } from "./engine.ts";
import { parseAnswer, storageOf } from "./facts.ts";
import type { Limits } from "./limits.ts";
import { type AskOptions, ask } from "./request.ts";
import { hasLayersOf } from "./verify.ts";

/** A layer on its way to an engine, while its image is still being made. */
export interface LayerAhead {
  /** Whether it is on its way at all. */
  readonly isTaken: Promise<boolean>;
  /** Whether the engine has all layers of the image now; what was sent so far and what is to come is told to `handle`. */
  holdsAllOf(image: Image, handle: StepHandle): Promise<boolean>;
  /** Stops it, and removes what only it has brought. */
  dispose(): Promise<void>;
}

export interface SendAheadOptions {
  readonly open: OpenClient;
  readonly context: Context;
  readonly limits: Limits;
}

/** Tells the images of a moment that hold layers sent ahead from those of people; its value begins with the process whose it is. */
const LABEL = "base-kit.layer-sent-ahead";

/** Whether an engine may take layers ahead. Podman does not; through ssh nothing could be removed after an abort. */
export function mayTakeLayersAhead({ kind, address }: Engine): boolean {
  return kind === "docker" && address.type !== "ssh";
}

/**
 * Whether an engine that was given a layer by `docker import` knows it again when an image with it is loaded. Docker's own
 * store keeps layers by the digest of the tar it has unpacked; containerd's does not.
 */
export async function knowsLayersAgain({ address, apiVersion }: Engine, asking: AskOptions): Promise<boolean> {
  if (address.type === "ssh") return false;
  // Asking takes long: an engine runs programs to tell of itself.
  if (isBeforeContainerdStore(apiVersion)) return true;
  const answer = await ask(address, { method: "GET", path: "/info" }, asking).catch(() => undefined);
  const storage = answer && storageOf(parseAnswer(answer.body));
  return storage !== undefined && !/containerd/.test(storage);
}

/** Docker 23.0, whose API is 1.42, was the first that could keep images in containerd (its release notes). */
function isBeforeContainerdStore(apiVersion: string): boolean {
  const [, minor] = /^1\.(\d+)$/.exec(apiVersion) ?? [];
  return minor !== undefined && Number(minor) < 42;
}

/**
 * Sends a layer as `docker import` does: the engine unpacks it while it comes, where `docker load` would keep all of it on disk
 * first. What the engine makes of it is an image without a name that holds the layer until the real one is there.
 */
export function sendLayerAhead(
  engine: Engine,
  layer: AsyncIterable<Uint8Array>,
  { open, context, limits }: SendAheadOptions,
): LayerAhead {
  const label = `${LABEL}=${process.pid}-${randomBytes(8).toString("hex")}`;
  const stopped = new AbortController();
  const within = { ...context, signal: AbortSignal.any([context.signal, stopped.signal]) };
  let sent = 0;
  let complete = false;
  let tell: (detail?: string) => void = () => {};
  const counted = async function* () {
    for await (const chunk of layer) {
      yield chunk;
      sent += chunk.length;
      tell();
    }
    complete = true;
  };
  const using = async <T>(work: (client: EngineClient) => Promise<T>): Promise<T> => {
    const client = await open(engine, { context: within, limits });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  const settings = {
    changes: [`LABEL ${label}`],
    hear: (detail: string) => tell(detail),
  };
  const isTaken = knowsLayersAgain(engine, { timeoutMs: limits.ping, signal: within.signal });
  const send = async () => {
    if (await isTaken) return using((client) => client.importLayer(counted(), settings));
    // Who makes the layer waits for who is told of it.
    for await (const _ of layer) within.signal.throwIfAborted();
    return undefined;
  };
  const sending = send();
  // Whoever asks for the layer hears of it.
  sending.catch(() => {});
  return {
    isTaken,
    holdsAllOf: async (image, handle) => {
      const [only, ...others] = image.layers;
      if (only === undefined || others.length > 0) return false;
      tell = (detail) => handle.progress(sent, { total: Math.max(sent, only.size), ...(detail ? { detail } : {}) });
      const id = await sending.catch(unlessRefused);
      const found = id && (await using((client) => client.inspect(id)));
      return found !== undefined && hasLayersOf(found, image);
    },
    dispose: async () => {
      tell = () => {};
      stopped.abort(new Error("the layer is not needed"));
      if (!(await isTaken)) return;
      try {
        const id = await sending;
        if (id !== undefined) await discardOwn(engine, id);
      } catch (error) {
        // Who was stopped, or lost the engine, has not heard whether it came in.
        if (complete && !isOneOf(error, ["ENGINE_REFUSED", "ENGINE_DISK_FULL"])) await discardLabelled(engine, label);
      }
    },
  };
}

/** An engine may not allow `docker import`; then it is given the whole image. */
function unlessRefused(error: unknown): undefined {
  if (!isOneOf(error, ["ENGINE_REFUSED", "ENGINE_ANSWER_INVALID"])) throw error;
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return isBaseKitError(error) && codes.includes(error.code);
}
