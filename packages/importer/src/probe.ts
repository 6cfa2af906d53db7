import { BaseKitError, type Context, isBaseKitError, printable } from "@base-kit/core";
import { connectionFailure } from "./connection-errors.ts";
import { createDocker } from "./docker-program.ts";
import { formatEndpoint, type SshEndpoint } from "./endpoint.ts";
import type { EngineDescription, EngineFacts } from "./engine.ts";
import { engineFacts, isRecord, parseAnswer } from "./facts.ts";
import type { Limits } from "./limits.ts";
import type { Place } from "./places.ts";
import { ask, type EngineResponse, type HttpEndpoint } from "./request.ts";

export interface ProbeOptions {
  readonly context: Context;
  readonly limits: Limits;
}

/**
 * Asks what listens at a place whether it is an engine.
 *
 * @throws BaseKitError `ENGINE_UNREACHABLE` (environment), or what made the place unusable
 */
export async function probe(place: Place, options: ProbeOptions): Promise<EngineDescription> {
  const { endpoint } = place;
  if (endpoint === undefined) throw unusable(place);
  if (endpoint.type === "ssh") return describeServer(place, await serverBehindProgram({ ...place, endpoint }, options));
  const { status, headers, body } = await get({ ...place, endpoint }, "/_ping", options);
  const header = (name: string) => [headers[name]].flat()[0];
  if (status !== 200) throw unreachable(place, refusal(status, body));
  if (header("ostype") === "windows") throw unreachable(place, "the engine runs Windows containers");
  const apiVersion = header("api-version");
  if (apiVersion === undefined) throw unreachable(place, "what answers there is not a container engine");
  const kind = header("libpod-api-version") === undefined ? "docker" : "podman";
  return description(place, { kind, apiVersion: printable(apiVersion) });
}

/**
 * Asks the engine at a place for all that it tells of itself.
 *
 * @throws BaseKitError as `probe`
 */
export async function probeFully(place: Place, options: ProbeOptions): Promise<EngineDescription & EngineFacts> {
  const { endpoint } = place;
  if (endpoint === undefined) throw unusable(place);
  if (endpoint.type === "ssh") {
    const server = await serverBehindProgram({ ...place, endpoint }, options);
    const info = await askProgram({ ...place, endpoint }, "info", options).catch(() => undefined);
    return { ...describeServer(place, server), ...engineFacts(server, info && parseAnswer(info.stdout)) };
  }
  const over = new AbortController();
  const asking = { ...options, signal: over.signal };
  try {
    // All at once: an engine takes its time to tell of itself. Whether it is one at all is said by the first answer.
    const version = get({ ...place, endpoint }, "/version", asking);
    const info = get({ ...place, endpoint }, "/info", asking).catch(() => undefined);
    version.catch(() => {});
    const found = await probe(place, options);
    const { status, body } = await version;
    const facts = parseAnswer(body);
    if (!isRecord(facts)) throw unreachable(place, `it answers, but not to /version (HTTP ${status})`);
    const told = await info;
    return { ...found, ...engineFacts(facts, told && parseAnswer(told.body)) };
  } finally {
    over.abort();
  }
}

function get(
  place: Place & { readonly endpoint: HttpEndpoint },
  path: string,
  { context, limits, signal }: ProbeOptions & { readonly signal?: AbortSignal },
): Promise<EngineResponse> {
  const stop = signal === undefined ? context.signal : AbortSignal.any([context.signal, signal]);
  return ask(place.endpoint, { method: "GET", path }, { timeoutMs: limits.ping, signal: stop }).catch((error) => {
    context.signal.throwIfAborted();
    const { why, hint } = connectionFailure(error);
    throw unreachable(place, why, { hint, cause: error });
  });
}

type BehindProgram = Place & { readonly endpoint: SshEndpoint };

/** What `docker version` tells of the other side. */
async function serverBehindProgram(place: BehindProgram, options: ProbeOptions): Promise<Record<string, unknown>> {
  const version = await askProgram(place, "version", options).catch((error: unknown) => {
    options.context.signal.throwIfAborted();
    if (!isBaseKitError(error)) throw error;
    throw unreachable(place, error.message, { hint: error.hint, cause: error });
  });
  const client = parseAnswer(version.stdout);
  if (!isRecord(client) || !isRecord(client["Server"]))
    throw unreachable(place, "the docker program told nothing of an engine");
  return client["Server"];
}

function askProgram(place: BehindProgram, what: string, { context, limits }: ProbeOptions) {
  const docker = createDocker({ address: place.endpoint, ...place }, context);
  return docker.run([what, "--format", "{{json .}}"], {
    timeoutMs: limits.sshPing,
    doing: "asking the engine who it is",
  });
}

function describeServer(place: Place, server: Record<string, unknown>): EngineDescription {
  const components = Array.isArray(server["Components"]) ? server["Components"] : [];
  const isPodman = components.some((each) => isRecord(each) && /podman/i.test(String(each["Name"])));
  const told = server["ApiVersion"];
  const apiVersion = typeof told === "string" ? printable(told) : "unknown";
  return description(place, { kind: isPodman ? "podman" : "docker", apiVersion });
}

function description(
  { endpoint, source }: Place,
  told: Pick<EngineDescription, "kind" | "apiVersion">,
): EngineDescription {
  return { ...told, endpoint: endpoint === undefined ? "" : formatEndpoint(endpoint), source };
}

function refusal(status: number, body: Buffer): string {
  const text = body.toString("utf8", 0, 200).trim();
  return /HTTP request to an HTTPS server/.test(text)
    ? "it wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
    : `it answers HTTP ${status}${text && ` ${printable(text)}`}`;
}

function unusable({ problem }: Place): Error {
  return problem ?? new TypeError("a place has an endpoint or a problem");
}

function unreachable(
  place: Place,
  why: string,
  { hint, cause }: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): BaseKitError {
  const where = place.endpoint === undefined ? "" : ` ${printable(formatEndpoint(place.endpoint))}`;
  return new BaseKitError("ENGINE_UNREACHABLE", `no container engine at${where} (${place.source}): ${why}`, {
    kind: "environment",
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}
