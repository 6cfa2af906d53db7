import {
  type Context,
  type Digest,
  formatPlatform,
  fullyQualified,
  type Image,
  type ImageReference,
  isBaseKitError,
  type Sink,
  type SinkResult,
  type StepHandle,
  step,
} from "@base-kit/core";
import { hybridArchive, hybridArchiveSize, imageForHost } from "@base-kit/oci";
import type { EngineClient, EngineImage, InspectOptions, OpenClient } from "./client.ts";
import { toldOfNames } from "./come-too-late.ts";
import { discard, discardOwn } from "./discard.ts";
import { openDockerCli } from "./docker-cli-client.ts";
import { type Engine, engineName } from "./engine.ts";
import { openEngineApi } from "./engine-api-client.ts";
import { answerInvalid } from "./engine-errors.ts";
import { importChanges } from "./import-changes.ts";
import { type LayerAhead, mayTakeLayersAhead, sendLayerAhead } from "./layer-ahead.ts";
import { layerTar } from "./layer-tar.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { loadOntoLayers } from "./load-onto-layers.ts";
import { hasLayersOf, verifyImported, verifyLoaded } from "./verify.ts";

/**
 * `load` gives the engine the whole image, which keeps its id. `import` is Docker's documented `docker import`: the engine
 * gets the layer and makes a config of its own, with a new id each time.
 */
export type ImportMode = "load" | "import";

export interface EngineSinkOptions {
  /** @default load */
  readonly mode?: ImportMode;
}

/**
 * Hands images to an engine. The image comes in without a name, is looked at by its id and compared with ours, and only then
 * gets its names: a name never stands for an image that was not checked, and what had the name before keeps it when anything fails.
 */
export function engineSink(engine: Engine, options: EngineSinkOptions = {}, limits: Limits = DEFAULT_LIMITS): Sink {
  const { mode = "load" } = options;
  const sink = (ahead?: LayerAhead): Sink => ({
    name: `${engineName(engine)} through ${engine.importer}`,
    write: (images, references, context) =>
      step(context, mode === "load" ? `loading into ${engine.kind}` : `importing into ${engine.kind}`, (handle) => {
        const image = imageForHost(images, engineName(engine));
        return write({ engine, image, references, context, handle, limits, ahead }, mode);
      }),
  });
  if (mode === "import" || !mayTakeLayersAhead(engine)) return sink();
  return {
    ...sink(),
    takeAhead: (layer, context) => {
      const ahead = sendLayerAhead(engine, layer, { open: OPEN[engine.importer], context, limits });
      return { ...sink(ahead), [Symbol.asyncDispose]: ahead.dispose };
    },
  };
}

const OPEN: Readonly<Record<Engine["importer"], OpenClient>> = {
  "docker-cli": openDockerCli,
  "engine-api": openEngineApi,
};

interface Job {
  readonly engine: Engine;
  readonly image: Image;
  readonly references: readonly ImageReference[];
  readonly context: Context;
  readonly handle: StepHandle;
  readonly limits: Limits;
  readonly ahead: LayerAhead | undefined;
}

async function write(job: Job, mode: ImportMode): Promise<SinkResult> {
  const { engine, context, limits } = job;
  const client = await OPEN[engine.importer](engine, { context, limits });
  try {
    return mode === "load" ? await load(client, job) : await importLayer(client, job);
  } finally {
    client.close();
  }
}

/** Another one who gives it the same image, and is stopped, takes it away as long as it has no name. */
async function load(client: EngineClient, job: Job): Promise<SinkResult> {
  const result = (await loadUnlessThere(client, job)) ?? (await loadUnlessThere(client, job));
  return result ?? gone("loading the image", job.engine);
}

/**
 * Gives the engine the image, unless one of this id is there: the id vouches for every byte of it. Undefined when it has gone
 * before it had a name.
 */
async function loadUnlessThere(client: EngineClient, job: Job): Promise<SinkResult | undefined> {
  const { engine, image, context, handle } = job;
  const ids = [image.config.digest, image.manifest.digest];
  const before = await client.inspect(image.config.digest);
  if (before?.id === image.config.digest && hasLayersOf(before, image)) {
    const result = await named(client, before, job);
    if (result !== undefined) handle.detail("already there");
    return result;
  }
  let complete = false;
  const onComplete = () => {
    complete = true;
  };
  try {
    if (!(await loadOntoLayers(client, { ...job, open: OPEN[engine.importer] }, onComplete))) {
      const upload = countingUpload(hybridArchive([image]), { total: hybridArchiveSize([image]), handle });
      await client.load(upload.chunks(onComplete), upload.hear);
    }
    const found = (await client.inspect(image.config.digest)) ?? (await client.inspect(image.manifest.digest));
    if (found === undefined) return undefined;
    verifyLoaded(found, image);
    return await named(client, found, job);
  } catch (error) {
    const mayAppear = context.signal.aborted && complete;
    if (before === undefined) await discard(engine, ids, { mayAppear });
    throw error;
  }
}

async function importLayer(client: EngineClient, job: Job): Promise<SinkResult> {
  const { engine, image, handle } = job;
  const settings = { platform: formatPlatform(image.platform), changes: importChanges(image.runtime, engine.kind) };
  const [layer] = image.layers;
  const total = layer?.compression === "none" ? layer.size : undefined;
  const upload = countingUpload(layerTar(image), { total, handle });
  const id = await client.importLayer(upload.chunks(), { ...settings, hear: upload.hear });
  try {
    const found = await client.inspect(id);
    if (found === undefined) return gone("importing the layer", engine);
    verifyImported(found, image);
    return (await named(client, found, job)) ?? gone("importing the layer", engine);
  } catch (error) {
    await discardOwn(engine, id);
    throw error;
  }
}

function gone(doing: string, engine: Engine): never {
  throw answerInvalid("said that it took the image, but does not have it", { doing, engine: engineName(engine) });
}

/** Undefined when the image has gone before it had a name. */
async function named(
  client: EngineClient,
  { id, size }: EngineImage,
  { engine, references, context }: Job,
): Promise<SinkResult | undefined> {
  const set: ImageReference[] = [];
  const names: string[] = [];
  try {
    for (const reference of references) {
      await setName(client, id, reference);
      set.push(reference);
      names.push(await shortestName(client, id, { reference, untouched: setSoFar(set), context }));
    }
    return { references: names, id, size };
  } catch (error) {
    if (set.length === 0 && (await isGone(client, id, error))) return undefined;
    throw await toldOfNames(error, { engine, id, references, set });
  }
}

async function isGone(client: EngineClient, id: Digest, error: unknown): Promise<boolean> {
  return isBaseKitError(error) && error.code === "ENGINE_REFUSED" && (await client.inspect(id)) === undefined;
}

/** With its registry, so that podman does not guess one. */
async function setName(client: EngineClient, id: Digest, reference: ImageReference): Promise<void> {
  const full = fullyQualified(reference);
  await client.tag(id, { repository: full.slice(0, full.lastIndexOf(":")), tag: reference.tag });
}

function setSoFar(names: readonly ImageReference[]): string {
  return `The image is there as ${names.map(({ familiar }) => familiar).join(", ")}.`;
}

interface ShortestNameOptions extends Required<InspectOptions> {
  readonly reference: ImageReference;
  readonly context: Context;
}

/** The shortest form of a name that was set that finds the image again. */
async function shortestName(
  client: EngineClient,
  id: Digest,
  { reference, untouched, context }: ShortestNameOptions,
): Promise<string> {
  for (const form of [reference.familiar, fullyQualified(reference)]) {
    if ((await client.inspect(form, { untouched }))?.id === id) return form;
  }
  context.reporter.emit({
    type: "warned",
    code: "ENGINE_NAME_TAKEN",
    message: `${reference.familiar} was given to another image in the meantime; this one is ${id}`,
  });
  return reference.familiar;
}

interface CountingOptions {
  readonly total: number | undefined;
  readonly handle: StepHandle;
}

/** Tells how much was sent, and then what the engine says it is doing. */
function countingUpload(source: AsyncIterable<Uint8Array>, { total, handle }: CountingOptions) {
  let sent = 0;
  const known = total === undefined ? {} : { total };
  return {
    hear: (detail: string) => handle.progress(sent, { ...known, detail }),
    chunks: async function* (onComplete = () => {}) {
      for await (const chunk of source) {
        yield chunk;
        sent += chunk.length;
        handle.progress(sent, known);
      }
      onComplete();
    },
  };
}
