import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseReference } from "@base-kit/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBlob } from "../src/read-blob.ts";
import { repositoryOf } from "../src/repository.ts";
import { openSession } from "../src/session.ts";
import { type TestContext, testContext } from "./in-context.ts";

let own: TestContext;
let server: Server;
let asked: number;
beforeEach(async () => {
  own = await testContext();
  asked = 0;
  server = createServer((request, response) => {
    asked += 1;
    if (request.url === "/v2/") return void response.end();
    response.writeHead(200, { "content-length": "600" });
    let left = 6;
    const timer = setInterval(() => {
      response.write(Buffer.alloc(100));
      left -= 1;
      if (left === 0) clearInterval(timer);
    }, 2);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await own.dispose();
});

test("a layer that comes in drops is asked for again, and then given up", async () => {
  let now = 0;
  // Each look at the clock is twenty seconds later.
  const clock = { now: () => 0, monotonicMs: () => (now += 20_000) };
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = await openSession(name, { ...own.context, clock }, { delays: [1] });
  const repository = repositoryOf(session, parseReference(`${name}/a/b`));
  const before = asked;
  const read = async () => {
    for await (const _ of readBlob(repository, { digest: `sha256:${"0".repeat(64)}`, size: 600 }));
  };
  await expect(read()).rejects.toMatchObject({
    code: "FETCH_FAILED",
    message: expect.stringContaining("bytes came in"),
  });
  expect(asked - before).toBe(2);
});
