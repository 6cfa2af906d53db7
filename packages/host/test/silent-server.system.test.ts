import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { createFetch, type HttpFetch } from "../src/index.ts";

const IDLE_MS = 300;
/** More than it takes on the busiest machine to give up, less than anybody's patience is without being told. */
const AT_MOST_MS = 25_000;

let fetch: HttpFetch | undefined;
let stop = () => {};
afterEach(async () => {
  await fetch?.[Symbol.asyncDispose]();
  stop();
});

/** A server that has its own ideas of HTTP, and a fetch without patience unless it is given some. */
async function serve(answer: (socket: Socket) => void, idleMs = IDLE_MS): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  fetch = createFetch({ env: {}, idleMs });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function repeat(socket: Socket, text: (turn: number) => string): void {
  let turn = 0;
  const timer = setInterval(() => socket.write(text(turn++)), 40);
  socket.on("close", () => clearInterval(timer));
}

async function read(url: string, method: "GET" | "PUT" = "GET"): Promise<unknown> {
  const body = {
    size: 3,
    open: async function* () {
      yield Buffer.from("abc");
    },
  };
  try {
    const response = await fetch?.(url, { method, ...(method === "PUT" ? { body } : {}) });
    if (response !== undefined) for await (const _ of response.body);
    return "it was read";
  } catch (error) {
    return error;
  }
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n";

test.each<[string, (socket: Socket) => void]>([
  ["says nothing", () => {}],
  ["stops within the headers", (socket) => socket.write(HEAD)],
  ["stops before the body", (socket) => socket.write(`${HEAD}\r\n`)],
  ["stops within the body", (socket) => socket.write(`${HEAD}\r\nsome of it`)],
  [
    "never comes to the end of its headers",
    (socket) => repeat(socket, (turn) => (turn === 0 ? HEAD : `X-${turn}: x\r\n`)),
  ],
  ["promises to go on, again and again", (socket) => repeat(socket, () => "HTTP/1.1 102 Processing\r\n\r\n")],
])("a server that %s is given up", async (_what, answer) => {
  const started = performance.now();
  expect(await read(await serve(answer))).toMatchObject({ code: "FETCH_FAILED", kind: "network" });
  expect(performance.now() - started).toBeLessThan(AT_MOST_MS);
});

test("nobody's patience depends on what time it is", async () => {
  // Years ahead and back at each look; what time has passed is another clock's business.
  let looks = 0;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => (looks++ % 2) * 1e11);
  try {
    const started = performance.now();
    const promised = ["HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"];
    const slow = await serve((socket) => {
      repeat(socket, (turn) => promised[turn] ?? (turn === 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" : "x"));
      // What comes in time has to be seen in time, on any machine.
    }, AT_MOST_MS);
    expect(await read(slow)).toBe("it was read");
    stop();
    expect(await read(await serve((socket) => socket.write(`${HEAD}\r\nsome of it`)))).toMatchObject({
      code: "FETCH_FAILED",
    });
    expect(performance.now() - started).toBeLessThan(AT_MOST_MS);
  } finally {
    clock.mockRestore();
  }
});

test("a server that does not answer what it was sent is given up", async () => {
  expect(await read(await serve(() => {}), "PUT")).toMatchObject({ code: "FETCH_FAILED" });
});

test.each<[string, string]>([
  ["more headers than anybody needs", `HTTP/1.1 200 OK\r\n${`X-Filler: ${"x".repeat(1000)}\r\n`.repeat(100)}\r\n`],
  ["a header without an end", `HTTP/1.1 200 OK\r\nX-Filler: ${"x".repeat(100_000)}`],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: three\r\n\r\nabc"],
  ["a chunk without a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc\r\n0\r\n\r\n"],
  ["something else than HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n"],
])("%s is an error, not an answer", async (_what, bytes) => {
  const url = await serve((socket) => socket.end(bytes));
  expect(await read(url)).toMatchObject({ code: "FETCH_FAILED", kind: "network" });
});
