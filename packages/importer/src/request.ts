import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { ConnectionOptions } from "node:tls";
import type { SocketEndpoint, TcpEndpoint } from "./endpoint.ts";
import { ANSWER_AT_MOST } from "./limits.ts";
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

/** Opens a request on a connection of its own; nothing is sent before its first `write` or `end`. */
export function openRequest(endpoint: HttpEndpoint, { method, path, headers = {} }: EngineRequest): ClientRequest {
  const common = { method, path, headers: { ...headers, "User-Agent": "base-kit" }, agent: false as const };
  if (endpoint.type === "unix") return httpRequest({ ...common, ...WITHOUT_TLS, socketPath: endpoint.path });
  const { host, port, tls } = endpoint;
  return tls === undefined
    ? httpRequest({ ...common, ...WITHOUT_TLS, host, port })
    : https().request({ ...common, host, port, ...tlsOptions(tls) });
}

/** Node looks for a server's name also where there is no TLS, and compiles a large expression to see that a host is no IPv6 address. */
export const WITHOUT_TLS = { servername: "" } as const;

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
