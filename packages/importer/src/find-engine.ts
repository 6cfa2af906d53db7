import { BaseKitError, type Context, isBaseKitError, printable, systemErrorCode } from "@base-kit/core";
import { createDocker } from "./docker-program.ts";
import { formatEndpoint } from "./endpoint.ts";
import type { Engine, EngineDescription, EngineFacts, Importer } from "./engine.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { chosenPlace, type Place, type PlaceRequest, usualPlaces } from "./places.ts";
import { probe, probeFully } from "./probe.ts";

export interface EngineRequest extends PlaceRequest {
  /** `auto`: engine-api wherever we can connect ourselves, docker-cli for ssh. */
  readonly importer: Importer | "auto";
}

/** A place and what is there. */
export interface ProbedPlace {
  readonly source: string;
  /** As in DOCKER_HOST; absent when what names the place could not be understood. */
  readonly endpoint?: string;
  /** True for the one place the user has chosen; then no other is used. */
  readonly chosen: boolean;
  readonly engine?: EngineDescription & EngineFacts;
  /** Why there is no engine. */
  readonly failure?: BaseKitError;
}

/**
 * The engine that images go to: the one the user has chosen, else the first that answers at the usual places. A choice that
 * does not work is an error; it never falls through to another engine.
 *
 * @throws BaseKitError `ENGINE_UNREACHABLE`, `ENGINE_NOT_FOUND`, `ENGINE_TLS_FILES`, `DOCKER_CLI_NOT_FOUND` (environment),
 *   `ENGINE_ENDPOINT_INVALID`, `ENGINE_CONTEXT_UNKNOWN`, `ENGINE_CHOICE_AMBIGUOUS`, `ENGINE_SSH_NEEDS_CLI` (usage)
 */
export async function findEngine(
  request: EngineRequest,
  context: Context,
  limits: Limits = DEFAULT_LIMITS,
): Promise<Engine> {
  const chosen = chosenPlace(request, context);
  const options = { request, context, limits };
  return chosen === undefined ? firstEngine(usualPlaces(context), options) : open(chosen, options);
}

/** The first of the places where an engine answers. */
export async function firstEngine(places: readonly Place[], options: OpenOptions): Promise<Engine> {
  const failures: Attempted[] = [];
  for (const place of places) {
    try {
      const engine = await open(place, options);
      warnOfSkipped(failures, engine, options.context);
      return engine;
    } catch (error) {
      if (!isBaseKitError(error) || error.code !== "ENGINE_UNREACHABLE") throw error;
      failures.push({ place, error });
    }
  }
  throw notFound(failures);
}

/** Every place where an engine may be and what is there, for a diagnosis. */
export async function probePlaces(context: Context, limits: Limits = DEFAULT_LIMITS): Promise<readonly ProbedPlace[]> {
  const chosen = chosenPlace({}, context);
  const places = [...(chosen === undefined ? [] : [{ place: chosen, chosen: true }])];
  for (const place of usualPlaces(context)) {
    if (address(place) !== address(chosen)) places.push({ place, chosen: false });
  }
  return Promise.all(
    places.map(async ({ place, chosen }): Promise<ProbedPlace> => {
      const endpoint = address(place);
      const known = { source: place.source, chosen, ...(endpoint === undefined ? {} : { endpoint }) };
      try {
        return { ...known, engine: await probeFully(place, { context, limits }) };
      } catch (error) {
        if (!isBaseKitError(error)) throw error;
        return { ...known, failure: error };
      }
    }),
  );
}

interface Attempted {
  readonly place: Place;
  readonly error: BaseKitError;
}

export interface OpenOptions {
  readonly request: EngineRequest;
  readonly context: Context;
  readonly limits: Limits;
}

async function open(place: Place, { request, context, limits }: OpenOptions): Promise<Engine> {
  const isSsh = place.endpoint?.type === "ssh";
  if (isSsh && request.importer === "engine-api") {
    throw new BaseKitError("ENGINE_SSH_NEEDS_CLI", `the importer engine-api does not speak ssh (${place.source})`, {
      kind: "usage",
      hint: "Use the importer docker-cli or auto.",
    });
  }
  const description = await probe(place, { context, limits });
  const { endpoint } = place;
  if (endpoint === undefined) throw new TypeError("what was probed has an endpoint");
  if (endpoint.type === "tcp" && endpoint.tls?.verify === false) {
    context.reporter.emit({
      type: "warned",
      code: "ENGINE_NOT_VERIFIED",
      message: `${place.source} turns the check of the engine's certificate off: anybody on the way could take its place`,
    });
  }
  const importer = request.importer === "auto" ? (isSsh ? "docker-cli" : "engine-api") : request.importer;
  const engine: Engine = {
    ...description,
    importer,
    address: endpoint,
    ...(place.context === undefined ? {} : { context: place.context }),
  };
  // That the program is there and speaks a version of the API the engine takes is better known before an image is built.
  if (importer === "docker-cli" && !isSsh) {
    const doing = "asking the engine for its version";
    await createDocker(engine, context).run(["version"], { doing, timeoutMs: limits.question });
  }
  return engine;
}

/** An engine that should have been taken but could not be is worth a word. */
function warnOfSkipped(failures: readonly Attempted[], engine: Engine, { reporter }: Context): void {
  for (const { error } of failures) {
    if (systemErrorCode(error.cause) === "ENOENT") continue;
    const message = `${error.message}; ${engine.kind} at ${printable(engine.endpoint)} is used instead`;
    reporter.emit({ type: "warned", code: "ENGINE_SKIPPED", message });
  }
}

function notFound(failures: readonly Attempted[]): BaseKitError {
  const tried = failures.map(({ error }) => `  ${error.message.replace(/^no container engine at /, "")}`);
  const hints = [...new Set(failures.flatMap(({ error }) => error.hint ?? []))];
  return new BaseKitError("ENGINE_NOT_FOUND", `no container engine answers; tried:\n${tried.join("\n")}`, {
    kind: "environment",
    hint: [
      ...hints,
      "Start Docker or podman (`systemctl --user start podman.socket`), or name one with DOCKER_HOST.",
    ].join(" "),
  });
}

function address(place: Place | undefined): string | undefined {
  return place?.endpoint && formatEndpoint(place.endpoint);
}
