import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** What happens to an image that is loaded: nothing more, the connection ends, an error in a good answer, no room. */
export type Misbehaviour = "stall" | "die" | "report" | "full";

export interface FakeEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Resolves to where they were sent when the first bytes of an image have come. */
  readonly loading: Promise<string>;
  close(): Promise<void>;
}

/** An engine that answers who it is and then fails, for what a real one does too seldom. */
export async function startFakeEngine(socket: string, misbehaviour: Misbehaviour): Promise<FakeEngine> {
  let started = (_path: string) => {};
  const loading = new Promise<string>((resolve) => {
    started = resolve;
  });
  const load = (request: IncomingMessage, response: ServerResponse) => {
    request.once("data", () => {
      started(request.url ?? "");
      if (misbehaviour === "die") request.socket.destroy();
      if (misbehaviour === "stall") request.pause();
    });
    request.on("end", () => {
      const message = "write /layer.tar: no space left on device";
      if (misbehaviour === "full") response.writeHead(500).end(JSON.stringify({ message }));
      else response.end(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
    });
  };
  const server = createServer((request, response) => {
    response
      .setHeader("Api-Version", "1.41")
      .setHeader("Ostype", "linux")
      .setHeader("Content-Type", "application/json");
    const path = request.url?.replace(/^\/v[\d.]+(?=\/)/, "") ?? "";
    if (/^\/images\/(?:load|create)/.test(path)) return load(request, response);
    if (path.startsWith("/_ping")) return void response.end(request.method === "HEAD" ? "" : "OK");
    if (path.startsWith("/version"))
      return void response.end(JSON.stringify({ Version: "20.10.24", ApiVersion: "1.41", Arch: "amd64", Os: "linux" }));
    if (path.startsWith("/info")) return void response.end(JSON.stringify({ Driver: "overlay2" }));
    response.writeHead(404).end(JSON.stringify({ message: "no such image" }));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    host: `unix://${socket}`,
    loading,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
