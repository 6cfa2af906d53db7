import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { ConnectionOptions } from "node:tls";
import type { SocketEndpoint, TcpEndpoint } from "./endpoint.ts";
import { ANSWER_AT_MOST } from "./limits.ts";
import { ListeningSocket } from "./listening-socket.ts";
import type { TlsSettings } from "./tls-files.ts";

const require = createRequire(import.meta.url);

/** An endpoint that speaks HTTP with us directly. */
export type HttpEndpoint = SocketEndpoint | TcpEndpoint;

export interface EngineRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** With query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, by `ask`. */
  readonly json?: unknown;
}

export interface EngineResponse {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/**
 * Opens a request on a connection of its own; nothing is sent before its first `write` or `end`. An answer that comes before all
 * was sent is heard, also from who closes the connection then; through TLS only when it is read before the next byte is sent.
 */
export function openRequest(endpoint: HttpEndpoint, { method, path, headers = {} }: EngineRequest): ClientRequest {
  const common = { method, path, headers: { ...headers, "User-Agent": "base-kit" } };
  if (endpoint.type === "unix") {
    const createConnection = () => new ListeningSocket().connect({ path: endpoint.path });
    return httpRequest({ ...common, ...WITHOUT_AGENT, createConnection });
  }
  const { host, port, tls } = endpoint;
  if (tls !== undefined) return https().request({ ...common, agent: false, host, port, ...tlsOptions(tls) });
  const createConnection = () => new ListeningSocket().setNoDelay().connect({ host, port });
  return httpRequest({ ...common, ...WITHOUT_AGENT, host, port, createConnection });
}

/**
 * A Host of this port is written without it. An agent would say so, but looks for a server's name also where there is no TLS, and
 * compiles a large expression to see that it is no IPv6 address.
 */
const WITHOUT_AGENT = { defaultPort: 80 } as const;

/** Loaded for those who need it: for a local engine it would take longer than all that is asked of it. */
function https(): typeof import("node:https") {
  return require("node:https");
}

/** For node:tls. */
export function tlsOptions({ ca, cert, key, verify }: TlsSettings): ConnectionOptions {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), rejectUnauthorized: verify };
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A short question with a short answer; the time is for the whole of it. Errors are those of the system. */
export function ask(
  endpoint: HttpEndpoint,
  question: EngineRequest,
  { timeoutMs, signal }: AskOptions,
): Promise<EngineResponse> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const body = question.json === undefined ? undefined : JSON.stringify(question.json);
    const headers = { ...question.headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
    const request = openRequest(endpoint, { ...question, headers });
    const fail = (error: unknown): void => {
      settle();
      reject(error);
      request.destroy();
    };
    const onAbort = (): void => fail(signal.reason);
    const timer = setTimeout(
      () => fail(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })),
      timeoutMs,
    );
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    signal.addEventListener("abort", onAbort);
    request.on("error", fail);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > ANSWER_AT_MOST) fail(new Error(`the answer is longer than ${ANSWER_AT_MOST} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => {
        settle();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.end(body);
  });
}
