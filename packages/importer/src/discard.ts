import { randomBytes } from "node:crypto";
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
 * one that has a name. Others may have brought the same image, and name it at any moment. Speaks to the engine directly, whichever
 * importer is used: after an abort nothing is started any more.
 */
export async function discard(engine: Engine, ids: readonly Digest[], { mayAppear }: DiscardOptions): Promise<void> {
  await within(engine, mayAppear, async (call) => {
    for (const id of ids) if (await found(id, { call, remove: removeUnlessNamed })) return true;
    return false;
  });
}

/** The same for an image that nobody else can have: one that the engine has made of a layer. */
export async function discardOwn(engine: Engine, id: Digest): Promise<void> {
  await within(engine, false, (call) => found(id, { call, remove: removeById }));
}

/** The same for those with this label, which may still appear. */
export async function discardLabelled(engine: Engine, label: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  await within(engine, true, async (call) => {
    const list: unknown = JSON.parse((await call("GET", `/images/json?filters=${filters}`)).body.toString("utf8"));
    const ids = Array.isArray(list) ? list.flatMap(({ Id }) => asDigest(Id) ?? []) : [];
    for (const id of ids) await found(id, { call, remove: removeById });
    return ids.length > 0;
  });
}

type Call = (method: "GET" | "POST" | "DELETE", path: string) => Promise<EngineResponse>;
type Remove = (id: Digest, call: Call) => Promise<void>;

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

/** Whether the image is there; then it goes, if it has no name. */
async function found(id: Digest, { call, remove }: { readonly call: Call; readonly remove: Remove }): Promise<boolean> {
  const { status, body } = await call("GET", `/images/${id}/json`);
  if (status !== 200) return false;
  const image = readEngineImage(JSON.parse(body.toString("utf8")));
  if (image?.names.length === 0) await remove(id, call);
  return true;
}

async function removeById(id: Digest, call: Call): Promise<void> {
  await call("DELETE", `/images/${id}`);
}

/**
 * Asked to remove an image by its id, an engine removes its only name with it, whoever has set that meanwhile. By a name it removes
 * that name, and the image only if it has no other.
 */
async function removeUnlessNamed(id: Digest, call: Call): Promise<void> {
  const tag = randomBytes(8).toString("hex");
  const named = await call("POST", `/images/${id}/tag?repo=${encodeURIComponent(DISCARDED)}&tag=${tag}`);
  if (named.status === 404) return;
  const gone = await call("DELETE", `/images/${DISCARDED}:${tag}`);
  // On a full disk Docker can write down no name, neither that it is set nor that it is removed.
  if (gone.status === 404 || gone.status === 500) await found(id, { call, remove: removeById });
}

/** For a moment the name of what goes; on no registry. */
const DISCARDED = "localhost/base-kit/discarded";
