import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "@base-kit/core";
import { readEngineImage } from "./client.ts";
import type { Engine } from "./engine.ts";
import { ask } from "./request.ts";

const TIME_MS = 2000;
const PAUSE_MS = 100;

export interface DiscardOptions {
  /** The engine may still be at it: wait a moment for the image to appear. */
  readonly mayAppear: boolean;
}

/**
 * Removes an image that came in but did not pass, or whose work was aborted: as far as that goes within two seconds, and never
 * one that has a name. Speaks to the engine directly, whichever importer is used: after an abort nothing is started any more.
 */
export async function discard(engine: Engine, ids: readonly Digest[], { mayAppear }: DiscardOptions): Promise<void> {
  const { address } = engine;
  if (address.type === "ssh") return;
  const signal = AbortSignal.timeout(TIME_MS);
  const call = async (method: "GET" | "DELETE", path: string) =>
    ask(address, { method, path }, { timeoutMs: TIME_MS, signal });
  const removed = async (id: Digest): Promise<boolean> => {
    const { status, body } = await call("GET", `/images/${id}/json`);
    if (status !== 200) return false;
    const image = readEngineImage(JSON.parse(body.toString("utf8")));
    if (image?.names.length === 0) await call("DELETE", `/images/${id}`);
    return true;
  };
  try {
    for (;;) {
      for (const id of ids) if (await removed(id)) return;
      if (!mayAppear) return;
      await sleep(PAUSE_MS, undefined, { signal });
    }
  } catch {
    // What is reported is why it had to go.
  }
}
