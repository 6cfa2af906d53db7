import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { join } from "node:path";

/** `METHOD /path?query`, without the version of the API. */
export type EngineCall = string;

export interface EngineProxyOptions {
  /** Runs before a call is passed on, which waits for it. */
  readonly before?: (call: EngineCall) => Promise<void> | void;
  /** The same when the engine has begun to answer it. */
  readonly after?: (call: EngineCall) => Promise<void> | void;
}

/** A way to an engine on which calls can be held, so that what happens by chance happens in a test. */
export interface EngineProxy {
  /** For DOCKER_HOST. */
  readonly host: string;
  close(): void;
}

/** @param dir gets its socket; short, for the path of a socket has at most 107 bytes */
export async function startEngineProxy(
  dir: string,
  host: string,
  { before, after }: EngineProxyOptions,
): Promise<EngineProxy> {
  const socketPath = host.slice("unix://".length);
  const server = createServer(async (question: IncomingMessage, answer: ServerResponse) => {
    const { method, url: path, headers } = question;
    const call = `${method} ${path?.replace(/^\/v[\d.]+(?=\/)/, "")}`;
    await before?.(call);
    const passedOn = request({ socketPath, method, path, headers }, async (response) => {
      response.on("error", () => answer.destroy());
      await after?.(call);
      answer.writeHead(response.statusCode ?? 0, response.headers).flushHeaders();
      response.pipe(answer);
    });
    passedOn.on("error", () => answer.destroy());
    // Half a question must not become a whole one, and who has gone is told nothing.
    answer.on("close", () => passedOn.destroy());
    question.pipe(passedOn);
  });
  const socket = join(dir, `p${++count}.sock`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    host: `unix://${socket}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

let count = 0;
