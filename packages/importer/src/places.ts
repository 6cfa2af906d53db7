import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { BaseKitError, type Context, isBaseKitError, printable } from "@base-kit/core";
import { currentContext, dockerConfigFolder, readContext } from "./docker-config.ts";
import { DEFAULT_SOCKET, type Endpoint, parseEndpoint } from "./endpoint.ts";
import { readCertPath, readContextTls, type TlsSettings } from "./tls-files.ts";

/** Somewhere an engine may be. */
export interface Place {
  /** Who named it: `DOCKER_HOST`, `context desktop-linux`, `default socket`. */
  readonly source: string;
  /** Undefined when what names it cannot be understood; `problem` says why. */
  readonly endpoint?: Endpoint;
  readonly problem?: BaseKitError;
  /** Set where a context of the docker program stands behind it: then that program finds endpoint and certificates by the name. */
  readonly context?: string;
}

export interface PlaceRequest {
  /** As in DOCKER_HOST. */
  readonly host?: string;
  /** Name of a Docker context. */
  readonly context?: string;
}

/**
 * The one place the user has chosen: by flag, DOCKER_HOST, DOCKER_CONTEXT or `docker context use`, in this order, which is
 * the docker program's. Undefined when nobody has chosen.
 *
 * @throws BaseKitError `ENGINE_CHOICE_AMBIGUOUS` (usage) when both flags are given
 */
export function chosenPlace(request: PlaceRequest, { env }: Pick<Context, "env">): Place | undefined {
  if (request.host !== undefined && request.context !== undefined) {
    throw new BaseKitError(
      "ENGINE_CHOICE_AMBIGUOUS",
      `both an engine endpoint (${printable(request.host)}) and a Docker context (${printable(request.context)}) are given`,
      { kind: "usage", hint: "Give one of them." },
    );
  }
  if (request.host !== undefined) return hostPlace(request.host, "host option", env);
  if (request.context !== undefined) return contextPlace(request.context, "context option", env);
  if (env["DOCKER_HOST"]) return hostPlace(env["DOCKER_HOST"], "DOCKER_HOST", env);
  if (env["DOCKER_CONTEXT"]) return contextPlace(env["DOCKER_CONTEXT"], "DOCKER_CONTEXT", env);
  const folder = dockerConfigFolder(env);
  if (folder === undefined) return undefined;
  const file = join(folder, "config.json");
  try {
    const name = currentContext(folder);
    return name === undefined ? undefined : contextPlace(name, printable(file), env);
  } catch (error) {
    return { source: printable(file), problem: asProblem(error) };
  }
}

/** Where engines listen when nobody says otherwise, most usual first. Sockets only. */
export function usualPlaces({ env }: Pick<Context, "env">): readonly Place[] {
  const runtime = env["XDG_RUNTIME_DIR"];
  const home = env["HOME"];
  const sockets: readonly (readonly [string, string | undefined])[] = [
    ["default socket", DEFAULT_SOCKET],
    ["rootless Docker", runtime && join(runtime, "docker.sock")],
    ["Docker Desktop", home && join(home, ".docker", "run", "docker.sock")],
    ["rootless podman", runtime && join(runtime, "podman", "podman.sock")],
    ["podman", "/run/podman/podman.sock"],
  ];
  const seen = new Set<string>();
  return sockets.flatMap(([source, path]) => {
    if (!path) return [];
    // /var/run is /run, and Docker Desktop makes the default socket a link to its own.
    const real = existsSync(path) ? realpathSync(path) : path;
    if (seen.has(real)) return [];
    seen.add(real);
    return [{ source, endpoint: { type: "unix", path } }];
  });
}

function hostPlace(host: string, source: string, env: Context["env"]): Place {
  try {
    return { source, endpoint: parseEndpoint(host, { source, tls: (always) => environmentTls(env, always) }) };
  } catch (error) {
    return { source, problem: asProblem(error) };
  }
}

/** `default` is the docker program's name for "no context"; it means DOCKER_HOST or the usual places. */
function contextPlace(name: string, chosenBy: string, env: Context["env"]): Place | undefined {
  if (name === "default") return env["DOCKER_HOST"] ? hostPlace(env["DOCKER_HOST"], "DOCKER_HOST", env) : undefined;
  const source = `context ${printable(name)}`;
  try {
    const folder = dockerConfigFolder(env);
    if (folder === undefined) {
      throw new BaseKitError(
        "ENGINE_CONTEXT_UNKNOWN",
        `no folder for Docker contexts: neither HOME nor DOCKER_CONFIG is set`,
        {
          kind: "usage",
        },
      );
    }
    const context = readContext(folder, name, chosenBy);
    const verify = !context.skipTlsVerify;
    const contextTls = (always: boolean): TlsSettings | undefined => {
      if (context.tlsFolder !== undefined) return readContextTls(context.tlsFolder, source, verify);
      return always || !verify ? { verify } : undefined;
    };
    return { source, context: name, endpoint: parseEndpoint(context.host, { source, tls: contextTls }) };
  } catch (error) {
    return { source, problem: asProblem(error) };
  }
}

/** Docker's variables; certificates that are named are used, and whoever answers is always checked. */
function environmentTls(env: Context["env"], always: boolean): TlsSettings | undefined {
  const wanted = env["DOCKER_TLS_VERIFY"] || env["DOCKER_TLS"];
  if (env["DOCKER_CERT_PATH"]) return readCertPath(env["DOCKER_CERT_PATH"], "DOCKER_CERT_PATH");
  if (wanted) return readCertPath(dockerConfigFolder(env) ?? "/", "DOCKER_TLS_VERIFY without DOCKER_CERT_PATH");
  return always ? { verify: true } : undefined;
}

function asProblem(error: unknown): BaseKitError {
  if (isBaseKitError(error)) return error;
  throw error;
}
