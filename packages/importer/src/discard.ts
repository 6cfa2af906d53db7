import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "@base-kit/core";
import { asDigest, readEngineImage } from "./client.ts";
import type { Engine } from "./engine.ts";
import { ask, type EngineResponse } from "./request.ts";

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
  await within(engine, mayAppear, async (call) => {
    for (const id of ids) if (await removed(id, call)) return true;
    return false;
  });
}

/** The same for images with this label, which may still appear. */
export async function discardLabelled(engine: Engine, label: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  await within(engine, true, async (call) => {
    const found: unknown = JSON.parse((await call("GET", `/images/json?filters=${filters}`)).body.toString("utf8"));
    const ids = Array.isArray(found) ? found.flatMap(({ Id }) => asDigest(Id) ?? []) : [];
    for (const id of ids) await removed(id, call);
    return ids.length > 0;
  });
}

type Call = (method: "GET" | "DELETE", path: string) => Promise<EngineResponse>;

/** Tries until `work` has found what it looks for, where that may come late. */
async function within({ address }: Engine, mayAppear: boolean, work: (call: Call) => Promise<boolean>): Promise<void> {
  if (address.type === "ssh") return;
  const signal = AbortSignal.timeout(TIME_MS);
  const call: Call = (method, path) => ask(address, { method, path }, { timeoutMs: TIME_MS, signal });
  try {
    while (!(await work(call)) && mayAppear) await sleep(PAUSE_MS, undefined, { signal });
  } catch {
    // What is reported is why it had to go.
  }
}

async function removed(id: Digest, call: Call): Promise<boolean> {
  const { status, body } = await call("GET", `/images/${id}/json`);
  if (status !== 200) return false;
  const image = readEngineImage(JSON.parse(body.toString("utf8")));
  if (image?.names.length === 0) await call("DELETE", `/images/${id}`);
  return true;
}
