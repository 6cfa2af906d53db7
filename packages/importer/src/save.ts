import { BaseKitError, type Context, printable } from "@base-kit/core";
import { connectionFailure } from "./connection-errors.ts";
import { openDockerCli } from "./docker-cli-client.ts";
import { createDocker } from "./docker-program.ts";
import { type Engine, engineName } from "./engine.ts";
import { openEngineApi } from "./engine-api-client.ts";
import { type Attempt, engineLost, engineRefused, engineSilent } from "./engine-errors.ts";
import { watchIdle } from "./idle-watch.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { type HttpEndpoint, openRequest } from "./request.ts";
import { ConnectionError, refusal, responseTo } from "./response.ts";

/** Takes the archive, to its end. */
export type TakeArchive = (tar: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * Gives what `docker save` writes of an image, found by name or id. Nothing in it is trusted: the engine may be older, newer or
 * another one than Docker.
 *
 * @throws BaseKitError `ENGINE_IMAGE_NOT_FOUND`, `ENGINE_…` (environment)
 */
export async function saveImage(
  engine: Engine,
  name: string,
  options: { readonly take: TakeArchive; readonly context: Context; readonly limits?: Limits },
): Promise<void> {
  const { take, context, limits = DEFAULT_LIMITS } = options;
  const open = engine.importer === "docker-cli" ? openDockerCli : openEngineApi;
  const client = await open(engine, { context, limits });
  try {
    const found = await client.inspect(name);
    if (found === undefined) throw notThere(engine, name);
    // By its id: the name may be given to another image at any time.
    await (engine.importer === "docker-cli" ? saveByProgram : saveByApi)(engine, found.id, { take, context, limits });
  } finally {
    client.close();
  }
}

interface SaveOptions {
  readonly take: TakeArchive;
  readonly context: Context;
  readonly limits: Limits;
}

const DOING = "saving the image";
const UNTOUCHED = "The engine's image was only read.";

async function saveByProgram(engine: Engine, id: string, { take, context }: SaveOptions): Promise<void> {
  await createDocker(engine, context).run(["image", "save", id], { doing: DOING, untouched: UNTOUCHED, stdout: take });
}

async function saveByApi(engine: Engine, id: string, { take, context, limits }: SaveOptions): Promise<void> {
  const { signal } = context;
  const attempt: Attempt = { doing: DOING, engine: engineName(engine), untouched: UNTOUCHED };
  const version = /^\d+\.\d+$/.test(engine.apiVersion) ? `/v${engine.apiVersion}` : "";
  const request = openRequest(engine.address as HttpEndpoint, { method: "GET", path: `${version}/images/${id}/get` });
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    request.destroy();
  };
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener("abort", onAbort);
  // The engine may pack the whole image before it sends the first byte of it.
  const idle = watchIdle(limits.unpacking, (milliseconds) => fail(engineSilent(milliseconds, attempt)));
  try {
    const answer = responseTo(request);
    request.end();
    const response = await answer;
    if (response.statusCode !== 200) throw engineRefused(await refusal(response), attempt);
    await take(touching(response, idle.touch));
  } catch (error) {
    fail(error);
  } finally {
    request.destroy();
    idle.stop();
    signal.removeEventListener("abort", onAbort);
  }
  if (failure === undefined) return;
  const { error } = failure;
  throw error instanceof ConnectionError ? engineLost(connectionFailure(error.cause).why, attempt, error.cause) : error;
}

async function* touching(chunks: AsyncIterable<Uint8Array>, touch: () => void): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of chunks) {
      touch();
      yield chunk;
    }
  } catch (cause) {
    throw new ConnectionError("the answer was cut", { cause });
  }
}

function notThere(engine: Engine, name: string): BaseKitError {
  return new BaseKitError("ENGINE_IMAGE_NOT_FOUND", `${engineName(engine)} has no image ${printable(name)}`, {
    kind: "environment",
    hint: "`docker image ls` lists what it has; docker://NAME means the image in its registry.",
  });
}
