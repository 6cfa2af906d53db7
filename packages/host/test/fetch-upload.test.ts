import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BaseKitError, type FetchBody } from "@base-kit/core";
import { afterAll, afterEach, expect, test } from "vitest";
import { createFetch } from "../src/index.ts";

const fetch = createFetch({ env: {} });
afterAll(() => fetch[Symbol.asyncDispose]());

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void, host = "127.0.0.1") {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `http://${host}:${(server.address() as AddressInfo).port}/`;
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
  });
  request.on("end", () => {
    response.end(JSON.stringify({ method: request.method, size, headers: request.headers }));
  });
}

function body(...chunks: readonly string[]): FetchBody & { opened: number } {
  const result = {
    opened: 0,
    size: chunks.join("").length,
    open: async function* () {
      result.opened += 1;
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
  };
  return result;
}

async function answer(response: Awaited<ReturnType<typeof fetch>>) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

test.each(["POST", "PUT", "PATCH"] as const)("%s sends a body with its length", async (method) => {
  const url = await serve(echo);
  const result = await answer(await fetch(url, { method, body: body("one", "two"), headers: { "X-Kind": "a" } }));
  expect(result).toMatchObject({ method, size: 6, headers: { "content-length": "6", "x-kind": "a" } });
  expect(result.headers).not.toHaveProperty("transfer-encoding");
  const empty = await answer(await fetch(url, { method, body: body() }));
  expect(empty).toMatchObject({ method, size: 0, headers: { "content-length": "0" } });
});

test("DELETE needs no body", async () => {
  expect(await answer(await fetch(await serve(echo), { method: "DELETE" }))).toMatchObject({
    method: "DELETE",
    size: 0,
  });
});

test.each([
  ["shorter", { ...body("abc"), size: 5 }],
  ["longer", { ...body("abc"), size: 2 }],
])("a body that is %s than it says is an error", async (_what, wrong) => {
  let ended = 0;
  const url = await serve((request, response) => {
    request.on("error", () => {});
    request.on("end", () => {
      ended += 1;
      response.end();
    });
    request.resume();
  });
  await expect(fetch(url, { method: "PUT", body: wrong })).rejects.toMatchObject({ name: "BaseKitError" });
  expect(ended).toBe(0);
});

test("what made a body fail is what is thrown, and the server sees no end", async () => {
  let ended = 0;
  const url = await serve((request) => {
    request.on("error", () => {});
    request.on("end", () => {
      ended += 1;
    });
    request.resume();
  });
  const reason = new BaseKitError("BLOB_MISMATCH", "not what it should be", { kind: "verification" });
  const failing: FetchBody = {
    size: 10,
    open: async function* () {
      yield Buffer.from("12345");
      throw reason;
    },
  };
  await expect(fetch(url, { method: "PUT", body: failing })).rejects.toBe(reason);
  expect(ended).toBe(0);
});

test("an answer that comes before the body was sent counts", async () => {
  const url = await serve((_request, response) => response.writeHead(401, { connection: "close" }).end());
  const large = body(...Array.from({ length: 64 }, () => "x".repeat(65536)));
  expect(
    await fetch(url, { method: "PUT", body: large }).then(
      ({ status }) => status,
      () => 0,
    ),
  ).toSatisfy(
    // The connection may also be gone before the answer is seen; then it is tried again.
    (status) => status === 401 || status === 0,
  );
});

test.each([307, 308])("%i is followed on the same host, with the body from its start", async (status) => {
  const url = await serve((request, response) => {
    if (request.url === "/end") echo(request, response);
    else request.resume().on("end", () => response.writeHead(status, { location: "/end" }).end());
  });
  const sent = body("abc");
  expect(await answer(await fetch(url, { method: "PUT", body: sent }))).toMatchObject({ method: "PUT", size: 3 });
  expect(sent.opened).toBe(2);
});

test.each([301, 302, 303, 307, 308])("a body does not go to another host by %i", async (status) => {
  let heard = 0;
  const elsewhere = await serve((_request, response) => {
    heard += 1;
    response.end();
  }, "127.0.0.2");
  const url = await serve((request, response) =>
    request.resume().on("end", () => response.writeHead(status, { location: elsewhere }).end()),
  );
  expect((await fetch(url, { method: "POST", body: body("secret") })).status).toBe(status);
  expect(heard).toBe(0);
});
