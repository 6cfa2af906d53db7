import { Agent } from "node:http";
import { inspect } from "node:util";
import type Dockerode from "dockerode";
import { type HttpEndpoint, tlsOptions } from "./request.ts";

export interface OpenedDockerode {
  readonly docker: Dockerode;
  /** Ends what is still running. */
  close(): void;
}

/** Loads dockerode, which takes a tenth of a second, and points it at one endpoint, with the version of the API that the engine told. */
export async function openDockerode(endpoint: HttpEndpoint, apiVersion: string): Promise<OpenedDockerode> {
  const { default: Docker } = await import("dockerode");
  const tls = endpoint.type === "tcp" ? endpoint.tls : undefined;
  const agent =
    tls === undefined
      ? new Agent({ keepAlive: false, ...WITHOUT_TLS })
      : new (await import("node:https")).Agent(tlsOptions(tls));
  // docker-modem writes out every request for its log, whether there is one or not, and with it all that is in the agent.
  Object.defineProperty(agent, inspect.custom, { value: () => "Agent" });
  const where =
    endpoint.type === "unix"
      ? { socketPath: endpoint.path }
      : {
          host: endpoint.host,
          port: endpoint.port,
          protocol: tls === undefined ? ("http" as const) : ("https" as const),
        };
  const version = /^\d+\.\d+$/.test(apiVersion) ? { version: `v${apiVersion}` } : {};
  const settings = { ...where, ...version, agent };
  const docker = withoutDockerHost(() => new Docker(settings));
  return { docker, close: () => agent.destroy() };
}

/** Node looks for a server's name also where there is no TLS, and compiles a large expression to see that a host is no IPv6 address. */
const WITHOUT_TLS = { servername: "" } as const;

/**
 * docker-modem reads DOCKER_HOST and the certificates beside it whatever it is given, and prefers that host to a socket of
 * ours. The endpoint was found before, so the variable is hidden while the constructor, which is synchronous, runs.
 */
function withoutDockerHost<T>(make: () => T): T {
  const { DOCKER_HOST: host } = process.env;
  delete process.env["DOCKER_HOST"];
  try {
    return make();
  } finally {
    if (host !== undefined) process.env["DOCKER_HOST"] = host;
  }
}
