import { BaseKitError, type Context, isBaseKitError, printable } from "@base-kit/core";
import { connectionFailure } from "./connection-errors.ts";
import { createDocker } from "./docker-program.ts";
import { formatEndpoint, type SshEndpoint } from "./endpoint.ts";
import type { EngineDescription } from "./engine.ts";
import type { Limits } from "./limits.ts";
import type { Place } from "./places.ts";
import { ask, type EngineResponse, type HttpEndpoint } from "./request.ts";

export interface ProbeOptions {
  readonly context: Context;
  readonly limits: Limits;
}

/**
 * Asks what listens at a place who it is.
 *
 * @throws BaseKitError `ENGINE_UNREACHABLE` (environment), or what made the place unusable
 */
export async function probe(place: Place, options: ProbeOptions): Promise<EngineDescription> {
  if (place.endpoint === undefined) throw place.problem ?? new TypeError("a place has an endpoint or a problem");
  return place.endpoint.type === "ssh"
    ? probeThroughProgram({ ...place, endpoint: place.endpoint }, options)
    : probeDirectly({ ...place, endpoint: place.endpoint }, options);
}

async function probeDirectly(
  place: Place & { readonly endpoint: HttpEndpoint },
  { context, limits }: ProbeOptions,
): Promise<EngineDescription> {
  const over = new AbortController();
  const asking = { timeoutMs: limits.ping, signal: AbortSignal.any([context.signal, over.signal]) };
  const get = (path: string) =>
    ask(place.endpoint, { method: "GET", path }, asking).catch((error) => {
      context.signal.throwIfAborted();
      const { why, hint } = connectionFailure(error);
      throw unreachable(place, why, { hint, cause: error });
    });
  try {
    // All at once: an engine takes its time to tell of itself. Whether it is one at all is said by the first answer.
    const answers = [get("/_ping"), get("/version"), get("/info").catch(() => undefined)] as const;
    answers[1].catch(() => {});
    requireEngine(place, await answers[0]);
    const [, version, info] = await Promise.all(answers);
    const facts = parse(version.body);
    if (!isRecord(facts)) throw unreachable(place, `it answers, but not to /version (HTTP ${version.status})`);
    return describe(place, { version: facts, info: info && parse(info.body) });
  } finally {
    over.abort();
  }
}

function requireEngine(place: Place, { status, headers, body }: EngineResponse): void {
  const header = (name: string) => [headers[name]].flat()[0];
  if (status !== 200) throw unreachable(place, refusal(status, body));
  if (header("ostype") === "windows") throw unreachable(place, "the engine runs Windows containers");
  if (header("api-version") === undefined) throw unreachable(place, "what answers there is not a container engine");
}

async function probeThroughProgram(
  place: Place & { readonly endpoint: SshEndpoint },
  { context, limits }: ProbeOptions,
): Promise<EngineDescription> {
  const docker = createDocker({ address: place.endpoint, ...place }, context);
  const query = (what: string) =>
    docker.run([what, "--format", "{{json .}}"], { timeoutMs: limits.sshPing, doing: "asking the engine who it is" });
  const version = await query("version").catch((error: unknown) => {
    context.signal.throwIfAborted();
    if (!isBaseKitError(error)) throw error;
    throw unreachable(place, error.message, { hint: error.hint, cause: error });
  });
  const info = await query("info").catch(() => undefined);
  const client = parse(version.stdout);
  if (!isRecord(client) || !isRecord(client["Server"]))
    throw unreachable(place, "the docker program told nothing of an engine");
  return describe(place, { version: client["Server"], info: info && parse(info.stdout) });
}

/** From `GET /version` and `GET /info`, of which Docker and podman fill in different parts. */
function describe(
  place: Place,
  { version, info }: { readonly version: Record<string, unknown>; readonly info: unknown },
): EngineDescription {
  const { endpoint, source } = place;
  const text = (name: string) => (typeof version[name] === "string" ? printable(version[name]) : "unknown");
  const components = Array.isArray(version["Components"]) ? version["Components"] : [];
  const isPodman = components.some((each) => isRecord(each) && /podman/i.test(String(each["Name"])));
  const storage = storageOf(info);
  return {
    kind: isPodman ? "podman" : "docker",
    endpoint: endpoint === undefined ? "" : formatEndpoint(endpoint),
    source,
    version: text("Version"),
    apiVersion: text("ApiVersion"),
    architecture: text("Arch"),
    ...(storage === undefined ? {} : { storage }),
    ...(isRecord(info) && typeof info["DockerRootDir"] === "string" ? { dataRoot: info["DockerRootDir"] } : {}),
  };
}

function storageOf(info: unknown): string | undefined {
  if (!isRecord(info) || typeof info["Driver"] !== "string" || info["Driver"] === "") return undefined;
  const driver = printable(info["Driver"]);
  const status = Array.isArray(info["DriverStatus"]) ? info["DriverStatus"] : [];
  const type = status.find((pair) => Array.isArray(pair) && pair[0] === "driver-type") as unknown[] | undefined;
  return String(type?.[1]).startsWith("io.containerd.snapshotter") ? `containerd snapshotter (${driver})` : driver;
}

function refusal(status: number, body: Buffer): string {
  const text = body.toString("utf8", 0, 200).trim();
  return /HTTP request to an HTTPS server/.test(text)
    ? "it wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
    : `it answers HTTP ${status}${text && ` ${printable(text)}`}`;
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

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
