import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Image } from "@base-kit/core";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface FakeEngineOptions {
  /** By the beginning of `METHOD /path`, without the version of the API; over what a sound engine does. */
  readonly handlers?: Readonly<Record<string, Handler>>;
  /** Where it listens. @default "unix" */
  readonly on?: "unix" | "tcp";
}

export interface FakeEngine {
  readonly socket: string;
  /** For DOCKER_HOST. */
  readonly host: string;
  /** `METHOD /path?query` with what came of the body, in the order they ended. */
  readonly requests: readonly FakeRequest[];
  /** Sees the path of every request as it comes. */
  onRequest(listener: (url: string | undefined) => void): void;
  close(): Promise<void>;
}

export interface FakeRequest {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly received: number;
  /** False when the connection was destroyed before the body was ended. */
  readonly complete: boolean;
}

/** An engine that has every image it is asked for, unless a handler makes it fail. Faults only: what works is tested on real ones. */
export async function startFakeEngine(
  dir: string,
  image: Image | undefined,
  { handlers = {}, on = "unix" }: FakeEngineOptions = {},
): Promise<FakeEngine> {
  const requests: FakeRequest[] = [];
  const listeners: ((url: string | undefined) => void)[] = [];
  let loaded = false;
  const sound: Readonly<Record<string, Handler>> = {
    "GET /_ping": (_, response) => {
      response.setHeader("Api-Version", "1.41").end("OK");
    },
    "GET /version": (_, response) => {
      response.end(JSON.stringify({ Version: "20.10.24", ApiVersion: "1.41", Arch: "amd64", Os: "linux" }));
    },
    "GET /info": (_, response) => {
      response.end(
        JSON.stringify({
          Driver: "overlay2",
          DockerRootDir: "/var/lib/docker",
          DriverStatus: [["Backing Filesystem", "extfs"]],
        }),
      );
    },
    "POST /images/load": async (request, response) => {
      await drain(request);
      loaded = true;
      response.end(`${JSON.stringify({ stream: `Loaded image ID: ${image?.config.digest}\n` })}\r\n`);
    },
    "GET /images/": (_, response) => {
      response.statusCode = loaded ? 200 : 404;
      response.end(JSON.stringify(loaded && image ? description(image) : { message: "No such image: x" }));
    },
    "POST /images/create": async (request, response) => {
      await drain(request);
      response.end(JSON.stringify({ status: image?.config.digest }));
    },
    "POST /images/": async (request, response) => {
      await drain(request);
      response.statusCode = 201;
      response.end();
    },
  };
  const routes = { ...sound, ...handlers };
  const server = createServer(async (request, response) => {
    const line = `${request.method} ${request.url?.replace(/^\/v[\d.]+(?=\/)/, "")}`;
    let received = 0;
    for (const listener of listeners) listener(request.url);
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    // Without a listener of ours the counting would start before a handler that does not read.
    request.pause();
    request.on("close", () => {
      requests.push({ line, headers: request.headers, received, complete: request.complete });
    });
    const route = Object.keys(routes)
      .filter((prefix) => line.startsWith(prefix))
      .sort((a, b) => b.length - a.length)[0];
    await routes[(route ?? "GET /_ping") as keyof typeof routes]?.(request, response);
  });
  const socket = join(dir, `e${++count}.sock`);
  await new Promise<void>((resolve) => server.listen(on === "unix" ? socket : { host: "127.0.0.1", port: 0 }, resolve));
  return {
    socket,
    host: on === "unix" ? `unix://${socket}` : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    onRequest: (listener) => listeners.push(listener),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

let count = 0;

/** `GET /images/{name}/json` of a graph-driver store. */
export function description(image: Image): Record<string, unknown> {
  return {
    Id: image.config.digest,
    RepoTags: [],
    Architecture: image.platform.architecture,
    Os: "linux",
    Size: 1234,
    Config: {},
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
  };
}

export async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  await new Promise((resolve) => request.on("end", resolve));
}
