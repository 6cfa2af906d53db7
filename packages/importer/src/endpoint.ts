import { BaseKitError, printable, redactUrl } from "@base-kit/core";
import type { TlsSettings } from "./tls-files.ts";

/** Where an engine listens. */
export type Endpoint = SocketEndpoint | TcpEndpoint | SshEndpoint;

export interface SocketEndpoint {
  readonly type: "unix";
  readonly path: string;
}

export interface TcpEndpoint {
  readonly type: "tcp";
  readonly host: string;
  readonly port: number;
  /** Plain HTTP without. */
  readonly tls?: TlsSettings;
}

/** Only the docker program can follow this one. */
export interface SshEndpoint {
  readonly type: "ssh";
  readonly url: string;
}

export const DEFAULT_SOCKET = "/var/run/docker.sock";

/** Docker's registered ports. */
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

export interface ParseEndpointOptions {
  /** For messages: `DOCKER_HOST`. */
  readonly source: string;
  /** Asked for when the endpoint is tcp; undefined means plain HTTP. `always` is true for `https://`. */
  readonly tls: (always: boolean) => TlsSettings | undefined;
}

/**
 * Docker's endpoint grammar: `unix:///path`, `tcp://host[:port]`, `http(s)://host[:port]`, `ssh://[user@]host[:port]`, and
 * `host:port`, which means tcp.
 *
 * @throws BaseKitError `ENGINE_ENDPOINT_INVALID` (usage)
 */
export function parseEndpoint(text: string, { source, tls }: ParseEndpointOptions): Endpoint {
  const refuse = (why: string): never => {
    const shown = text.includes("@") ? redactUrl(text) : printable(text);
    throw new BaseKitError(
      "ENGINE_ENDPOINT_INVALID",
      `the engine endpoint ${shown} (from ${source}) is refused: ${why}`,
      {
        kind: "usage",
        hint: "Endpoints look like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host.",
      },
    );
  };
  if (/[\s\p{Cc}]/u.test(text)) refuse("it holds white space or control characters");
  if (text.startsWith("/")) refuse(`a socket is written unix://${printable(text)}`);
  const separator = text.indexOf("://");
  const scheme = separator < 0 ? "tcp" : text.slice(0, separator);
  const rest = separator < 0 ? text : text.slice(separator + 3);
  switch (scheme) {
    case "unix":
      if (rest === "") return { type: "unix", path: DEFAULT_SOCKET };
      if (!rest.startsWith("/")) refuse("the path of the socket has to be absolute");
      return { type: "unix", path: rest };
    case "tcp":
    case "http":
    case "https": {
      const url = parseUrl(`http://${rest}`) ?? refuse("it is not a URL");
      if (url.username !== "" || url.password !== "") refuse("user and password have no meaning there");
      if (url.pathname !== "/" || url.search !== "" || url.hash !== "") refuse("nothing may follow host and port");
      if (url.hostname === "") refuse("the host is missing");
      const settings = scheme === "http" ? undefined : tls(scheme === "https");
      return {
        type: "tcp",
        host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
        port: portOf(rest) ?? (scheme === "http" ? 80 : scheme === "https" ? 443 : settings ? TLS_PORT : PLAIN_PORT),
        ...(settings === undefined ? {} : { tls: settings }),
      };
    }
    case "ssh": {
      const url = parseUrl(text) ?? refuse("it is not a URL");
      if (url.password !== "") refuse("ssh takes no password from a URL");
      // What ssh would read as an option must not come out of a name.
      if (!/^[A-Za-z0-9[]/.test(url.hostname) || url.username.startsWith("-"))
        refuse("that is not a host ssh can reach");
      return { type: "ssh", url: text };
    }
    case "npipe":
      return refuse("named pipes exist on Windows only; run base-kit inside WSL and use its socket");
    case "fd":
      return refuse("fd:// is for the engine itself, a client needs the address of its socket");
    default:
      return refuse(`the scheme ${printable(scheme)} is not known`);
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** `URL` drops the port that is the default of the scheme. */
function portOf(authority: string): number | undefined {
  const [, digits] = /:(\d+)\/?$/.exec(authority) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** As DOCKER_HOST would have it, without secrets. */
export function formatEndpoint(endpoint: Endpoint): string {
  switch (endpoint.type) {
    case "unix":
      return `unix://${endpoint.path}`;
    case "tcp":
      return `tcp://${endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
    case "ssh":
      return endpoint.url;
  }
}
