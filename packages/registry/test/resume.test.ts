import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Blob, Digest } from "@base-kit/core";
import { parseReference } from "@base-kit/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pushBlob } from "../src/push-blob.ts";
import { type Repository, repositoryOf } from "../src/repository.ts";
import { openSession } from "../src/session.ts";
import { type TestContext, testContext } from "./in-context.ts";

/** One upload, kept as the distribution specification says ("Pushing a blob in chunks"): what came before a break stays. */
interface Upload {
  received: Buffer;
  /** Bytes after which the connection breaks, once each. */
  readonly breaks: number[];
  readonly requests: string[];
}

let own: TestContext;
let upload: Upload;
let repository: Repository;
let server: ReturnType<typeof createServer>;
beforeEach(async () => {
  own = await testContext();
  upload = { received: Buffer.alloc(0), breaks: [], requests: [] };
  server = createServer((request, response) => void answer(request, response, upload));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = await openSession(name, own.context, { delays: [1, 1, 1] });
  repository = repositoryOf(session, parseReference(`${name}/a/b`));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await own.dispose();
});

test.each([
  ["in the middle", [100_000]],
  ["twice", [100_000, 150_000]],
  ["before anything came", [0]],
  ["just before its end", [299_999]],
])("an upload that breaks %s goes on from there", async (_where, breaks) => {
  upload.breaks.push(...breaks);
  const bytes = randomBytes(300_000);
  let opened = 0;
  const blob: Blob = {
    mediaType: "application/octet-stream",
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest,
    size: bytes.length,
    open: async function* () {
      opened += 1;
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
    },
  };
  expect(await pushBlob(repository, blob)).toBe("sent");
  expect(upload.received.equals(bytes)).toBe(true);
  const [first = 0] = breaks;
  expect(upload.requests.some((each) => each.startsWith("PATCH"))).toBe(first > 0);
  expect(opened).toBeLessThanOrEqual(1 + breaks.length);
});

async function answer(request: IncomingMessage, response: ServerResponse, upload: Upload): Promise<void> {
  const { method = "", headers } = request;
  upload.requests.push(`${method} ${headers["content-range"] ?? ""}`);
  const location = { location: "/v2/a/b/blobs/uploads/1?signed=a%2Fb%3D" };
  const range = () => (upload.received.length === 0 ? {} : { range: `0-${upload.received.length - 1}` });
  if (method === "HEAD") {
    response.writeHead(404).end();
  } else if (method === "POST") {
    response.writeHead(202, location).end();
  } else if (method === "GET") {
    response.writeHead(204, { ...location, ...range() }).end();
  } else {
    if (!request.url?.includes("signed=a%2Fb%3D")) return void response.writeHead(400).end();
    const start = Number(/^(\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? upload.received.length);
    if (start !== upload.received.length) return void response.writeHead(416).end();
    const [limit] = upload.breaks;
    if (limit === 0) {
      upload.breaks.shift();
      request.socket.destroy();
      return;
    }
    for await (const chunk of request as AsyncIterable<Buffer>) {
      upload.received = Buffer.concat([upload.received, chunk]);
      if (limit !== undefined && upload.received.length >= limit) {
        upload.received = upload.received.subarray(0, limit);
        upload.breaks.shift();
        request.socket.destroy();
        return;
      }
    }
    response.writeHead(method === "PUT" ? 201 : 202, { ...location, ...range() }).end();
  }
}
