import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Fetch, FetchOptions, FetchResponse, FetchTls } from "@base-kit/core";
import { BaseKitError, redactUrl } from "@base-kit/core";
import type { Dispatcher } from "undici";
import { bodyFailure, requestFailure } from "./fetch-errors.ts";
import { proxyFor } from "./proxy.ts";

const CONNECTIONS = 8;
const CONNECT_MS = 10_000;
const IDLE_MS = 30_000;
/** A registry may move a large layer to its place before it answers. */
const IDLE_AFTER_BODY_MS = 300_000;
const REDIRECTS = 10;

export interface CreateFetchOptions {
  /** Where the proxy settings are read. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends every request. */
  readonly signal?: AbortSignal;
  /** Milliseconds that a server may be silent. @default 30 s; 5 min after a body was sent */
  readonly idleMs?: number;
}

/** A {@link Fetch} over the network; disposing it closes its connections. */
export type HttpFetch = Fetch & AsyncDisposable;

/**
 * Fetches over HTTP and HTTPS: 8 connections per host, proxies by environment, at most 10 redirects and never from https to
 * http, credentials in the URL sent to that host only, bodies exactly as they came. A request that changes something follows
 * redirects within its host only (307, 308); any other redirect is its answer.
 *
 * Fails with `FETCH_FAILED` when trying again may help (network), else with `FETCH_TLS_FAILED`, `FETCH_REDIRECT_REFUSED`
 * (network), `FETCH_URL_INVALID` or `PROXY_INVALID` (usage). When a signal aborts, its reason is what is thrown.
 */
export function createFetch({ env = process.env, signal, idleMs }: CreateFetchOptions = {}): HttpFetch {
  const patience = { idleMs: idleMs ?? IDLE_MS, afterBodyMs: idleMs ?? IDLE_AFTER_BODY_MS };
  const connections = createConnections(env, patience);
  const fetch: Fetch = async (url, options = {}) => {
    const signals = [signal, options.signal].filter((each) => each !== undefined);
    return follow(
      parsed(url),
      { ...options, ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }) },
      connections,
    );
  };
  return Object.assign(fetch, { [Symbol.asyncDispose]: () => connections.close() });
}

interface Connections {
  /** Milliseconds that may pass before an answer, and before one to a request with a body. */
  readonly idleMs: number;
  readonly afterBodyMs: number;
  for(url: URL, tls: FetchTls | undefined): Promise<Dispatcher>;
  close(): Promise<void>;
}

function createConnections(
  env: Readonly<Record<string, string | undefined>>,
  { idleMs, afterBodyMs }: Pick<Connections, "idleMs" | "afterBodyMs">,
): Connections {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  const create = async (proxy: URL | undefined, tls: FetchTls | undefined): Promise<Dispatcher> => {
    const { Agent, ProxyAgent } = await import("undici");
    const certificates = await certificatesFor(tls, env);
    const options = {
      connections: CONNECTIONS,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      connect: { timeout: CONNECT_MS, ...certificates },
    };
    // Without a tunnel for plain http: many proxies for package mirrors refuse CONNECT.
    return proxy === undefined
      ? new Agent(options)
      : new ProxyAgent({ ...options, uri: proxy.href, proxyTunnel: false, requestTls: certificates });
  };
  return {
    idleMs,
    afterBodyMs,
    for: (url, tls) => {
      const proxy = proxyFor(url, env);
      const key = JSON.stringify([proxy?.href, tls]);
      const dispatcher = dispatchers.get(key) ?? create(proxy, tls);
      dispatchers.set(key, dispatcher);
      return dispatcher;
    },
    close: async () => {
      const all = [...dispatchers.values()];
      dispatchers.clear();
      for (const dispatcher of all) await (await dispatcher).destroy();
    },
  };
}

/** Naming authorities takes the place of the machine's in Node, so those are named too. */
async function certificatesFor(tls: FetchTls | undefined, env: Readonly<Record<string, string | undefined>>) {
  if (tls === undefined) return {};
  const { ca, cert, key } = tls;
  const extra = env["NODE_EXTRA_CA_CERTS"];
  const named = extra === undefined ? [] : [await readFile(extra, "utf8").catch(() => "")];
  // Loaded late: all of them are read when it is.
  const { rootCertificates } = await import("node:tls");
  return {
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ...named.filter((each) => each !== ""), ...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function follow(start: URL, options: FetchOptions, connections: Connections): Promise<FetchResponse> {
  const { method = "GET", body } = options;
  let tls = options.tls;
  const reads = method === "GET" || method === "HEAD";
  const patienceMs = reads ? connections.idleMs : connections.afterBodyMs;
  let url = start;
  let headers = lowerCased(options.headers ?? {});
  const credentials = basicCredentials(start);
  if (credentials !== undefined) headers = { authorization: credentials, ...headers };
  for (let hops = 0; ; hops++) {
    options.signal?.throwIfAborted();
    const target = withoutCredentials(url);
    let response: Dispatcher.ResponseData;
    try {
      const dispatcher = await connections.for(target, tls);
      response = await dispatcher.request({
        origin: target.origin,
        path: target.pathname + target.search,
        method,
        headers: {
          "user-agent": "base-kit",
          accept: "*/*",
          "accept-encoding": "identity",
          ...headers,
          ...(body === undefined ? {} : { "content-length": String(body.size) }),
        },
        // undici takes a body of no bytes for none, and a server may wait for its length.
        ...(body === undefined || body.size === 0 ? {} : { body: Readable.from(body.open(), { objectMode: false }) }),
        ...(reads ? {} : { headersTimeout: patienceMs }),
        ...untilPromisedTooOften(patienceMs, options.signal),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw requestFailure(target, error);
    }
    const received = joined(response.headers);
    const location = received["location"];
    const redirects = (reads ? [301, 302, 303, 307, 308] : [307, 308]).includes(response.statusCode);
    const leaves = !reads && location !== undefined && !isSameOrigin(target, location);
    if (!redirects || location === undefined || leaves) {
      return {
        status: response.statusCode,
        headers: received,
        url: target.href,
        body: rawBody(response.body, target, options.signal),
      };
    }
    // Not read to its end: it may be endless.
    response.body.on("error", () => {}).destroy();
    const next = redirected(target, location, hops);
    if (next.origin !== target.origin) {
      headers = withoutSecrets(headers);
      tls = undefined;
    }
    url = next;
  }
}

/** Answers such as 102 (Processing) start undici's waiting for headers anew, each time. */
function untilPromisedTooOften(patienceMs: number, signal: AbortSignal | undefined) {
  const tooOften = new AbortController();
  let first: number | undefined;
  return {
    signal: signal === undefined ? tooOften.signal : AbortSignal.any([signal, tooOften.signal]),
    onInfo: () => {
      first ??= performance.now();
      if (performance.now() - first > patienceMs) tooOften.abort(new Error("the server only promises to answer"));
    },
  };
}

function parsed(url: string): URL {
  const result = URL.canParse(url) ? new URL(url) : undefined;
  if (result !== undefined && isHttp(result)) return result;
  throw new BaseKitError("FETCH_URL_INVALID", `not an http or https URL: ${redactUrl(url)}`, { kind: "usage" });
}

function redirected(from: URL, location: string, hops: number): URL {
  const refuse = (why: string): never => {
    throw new BaseKitError("FETCH_REDIRECT_REFUSED", `${redactUrl(from)} redirects ${why}`, { kind: "network" });
  };
  if (hops >= REDIRECTS) return refuse(`on and on: gave up after ${REDIRECTS} redirects`);
  if (!URL.canParse(location, from.href)) return refuse(`to something that is not a URL: ${redactUrl(location)}`);
  const to = new URL(location, from);
  if (!isHttp(to)) return refuse(`to ${redactUrl(to)}, which is neither http nor https`);
  if (from.protocol === "https:" && to.protocol === "http:")
    return refuse(`from https to plain http: ${redactUrl(to)}`);
  return to;
}

function isSameOrigin(from: URL, location: string): boolean {
  return URL.canParse(location, from.href) && new URL(location, from).origin === from.origin;
}

/** The bytes as they came. Closing it, even before its first chunk, closes the connection. */
function rawBody(body: Readable, url: URL, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  const chunks = body.on("error", () => {})[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const iterator: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => iterator,
    next: async () => {
      try {
        // undici itself fails when the body is shorter or longer than its Content-Length.
        return await chunks.next();
      } catch (error) {
        signal?.throwIfAborted();
        throw bodyFailure(url, error);
      }
    },
    return: async () => {
      body.destroy();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

function isHttp(url: URL): boolean {
  return url.protocol === "http:" || url.protocol === "https:";
}

function basicCredentials({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

/** Percent-decoding that takes a stray `%` in a password as what it is. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

function withoutCredentials(url: URL): URL {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  copy.hash = "";
  return copy;
}

function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !["authorization", "cookie", "proxy-authorization"].includes(name)),
  );
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}
