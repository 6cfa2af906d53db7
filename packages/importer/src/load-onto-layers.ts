import {
  type Context,
  fullyQualified,
  type Image,
  type ImageReference,
  isBaseKitError,
  type StepHandle,
} from "@base-kit/core";
import { archiveWithoutLayers } from "@base-kit/oci";
import type { EngineClient, OpenClient } from "./client.ts";
import type { Engine } from "./engine.ts";
import { knowsLayersAgain, type LayerAhead, mayTakeLayersAhead, sendLayerAhead } from "./layer-ahead.ts";
import type { Limits } from "./limits.ts";
import { hasLayersOf } from "./verify.ts";

export interface OntoLayers {
  readonly engine: Engine;
  readonly image: Image;
  readonly references: readonly ImageReference[];
  readonly open: OpenClient;
  readonly context: Context;
  readonly handle: StepHandle;
  readonly limits: Limits;
  /** The layer, where it is on its way already. */
  readonly ahead: LayerAhead | undefined;
}

/**
 * Gives the engine an image whose layers it has, or gets at the same time as `docker import` takes them: `docker load` would write
 * all of it to disk first, and start one program after the other. False when the engine has to be given everything.
 */
export async function loadOntoLayers(client: EngineClient, job: OntoLayers, onComplete: () => void): Promise<boolean> {
  const { engine, image, ahead, open, context, limits } = job;
  if (ahead !== undefined) return loadBehind(ahead, client, job, onComplete);
  // Far away a second connection gains nothing.
  if (!isLocal(engine) || engine.importer !== "engine-api" || !mayTakeLayersAhead(engine)) return false;
  const [layer, ...others] = image.layers;
  if (await replacesItsLike(client, job)) {
    if (!(await knowsLayersAgain(engine, { timeoutMs: limits.ping, signal: context.signal }))) return false;
    onComplete();
    return loadRest(client, image);
  }
  if (layer === undefined || others.length > 0 || layer.compression === "zstd") return false;
  const sent = sendLayerAhead(engine, layer.open({ lent: true }), { open, context, limits });
  try {
    return await loadBehind(sent, client, job, onComplete);
  } finally {
    await sent.dispose();
  }
}

/** Whether what has one of its names now is of the same layers: the same was built with other settings. */
async function replacesItsLike(client: EngineClient, { references, image }: OntoLayers): Promise<boolean> {
  for (const reference of references) {
    const found = await client.inspect(fullyQualified(reference));
    if (found !== undefined && hasLayersOf(found, image)) return true;
  }
  return false;
}

async function loadRest(client: EngineClient, image: Image): Promise<boolean> {
  try {
    await client.load(archiveWithoutLayers(image), () => {});
    return true;
  } catch (error) {
    // The other image may have been removed just now.
    if (isBaseKitError(error) && error.code === "ENGINE_REFUSED") return false;
    throw error;
  }
}

/**
 * A local engine gets the rest before it has unpacked the layer, all but the end: it starts a program for every archive. To one
 * far away a connection that says nothing for so long might be cut.
 */
async function loadBehind(
  ahead: LayerAhead,
  client: EngineClient,
  { engine, image, handle }: OntoLayers,
  onComplete: () => void,
): Promise<boolean> {
  if (!(await ahead.isTaken)) return false;
  const holds = ahead.holdsAllOf(image, handle);
  const released = holds.then((holdsAll) => {
    if (!holdsAll) throw new Error("the engine does not have the layer");
    onComplete();
  });
  // Awaited below; until then a failure must not end the process.
  released.catch(() => {});
  try {
    if (!isLocal(engine)) await released;
    await client.load(endingAfter(released, archiveWithoutLayers(image)), () => {});
    return true;
  } catch (error) {
    const code = isBaseKitError(error) ? error.code : undefined;
    if (!(await holds) || code === "ENGINE_REFUSED") return false;
    if (code !== "ENGINE_LOST" || !isLocal(engine)) throw error;
    // Behind the socket may be a tunnel that cuts what says nothing for so long.
    await client.load(archiveWithoutLayers(image), () => {});
    return true;
  }
}

function isLocal({ address }: Engine): boolean {
  return address.type === "unix";
}

/** A small archive, whose end comes when `released` is fulfilled: until then nothing can be made of it. */
async function* endingAfter(
  released: Promise<void>,
  archive: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk));
  const whole = Buffer.concat(chunks);
  yield whole.subarray(0, -END_OF_ARCHIVE);
  await released;
  yield whole.subarray(-END_OF_ARCHIVE);
}

/** Bytes: two blocks of zeros. */
const END_OF_ARCHIVE = 1024;
