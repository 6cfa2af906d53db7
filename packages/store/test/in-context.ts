import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseKitError, type Context, type Event, type Fetch } from "@base-kit/core";
import { createStore } from "../src/index.ts";

export interface TestContext extends Context {
  readonly dir: string;
  readonly events: Event[];
  remove(): void;
}

/** A context with a cache of its own. The package that has the real one is a neighbour in the same row. */
export function testContext(changes: Partial<Context> = {}): TestContext {
  const dir = mkdtempSync(join(tmpdir(), "store-test-"));
  const events: Event[] = [];
  const reporter = { emit: (event: Event) => void events.push(event) };
  return {
    dir,
    events,
    reporter,
    store: createStore(join(dir, "cache"), { reporter }),
    tempDir: mkdtempSync(join(dir, "tmp-")),
    clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => performance.now() },
    signal: new AbortController().signal,
    fetch: httpFetch,
    exec: () => Promise.reject(new Error("nothing is run here")),
    env: {},
    remove: () => rmSync(dir, { recursive: true, force: true }),
    ...changes,
  };
}

/** The contract of `Fetch` on node:http: raw bodies, an error where one is cut, no redirects. */
const httpFetch: Fetch = async (url, { method = "GET", headers = {}, signal } = {}) => {
  const failed = (cause: unknown) => {
    if (signal?.aborted) throw signal.reason;
    throw new BaseKitError("FETCH_FAILED", `cannot fetch ${url}: ${(cause as Error).message}`, {
      kind: "network",
      cause,
    });
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) };
    request(url, options, resolve).on("error", reject).end();
  }).catch(failed);
  const chunks = response[Symbol.asyncIterator]();
  const body: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => body,
    next: () => chunks.next().catch(failed),
    return: async () => {
      response.destroy();
      return { done: true, value: undefined };
    },
  };
  const joined = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return { status: response.statusCode ?? 0, headers: Object.fromEntries(joined), url, body };
};
