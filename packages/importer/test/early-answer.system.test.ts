import { EventEmitter, once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Image, parseReference } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { engineSink, findEngine } from "../src/index.ts";
import { ListeningSocket } from "../src/listening-socket.ts";
import { type TestContext, testContext } from "./context.ts";
import { type FakeEngine, type Handler, startFakeEngine } from "./fake-engine.ts";
import { testImage } from "./image.ts";

const reference = parseReference("demo/x");

let context: TestContext;
let image: Image;
let engine: FakeEngine | undefined;
let closing: EventEmitter;
let isClosed: Promise<unknown>;
beforeEach(async () => {
  context = testContext();
  image = await testImage(context);
  closing = new EventEmitter();
  isClosed = once(closing, "closed");
});
afterEach(async () => {
  vi.useRealTimers();
  await engine?.close();
  context.dispose();
});

/** Of a size that a connection takes at once. */
const CHUNK = 32 * 1024;
const CHUNKS_BEFORE = 3;

/** A layer without an end. What comes after the connection was closed is written before anything can be read of the answer. */
async function* endless(): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; ; at++) {
    if (at === CHUNKS_BEFORE) await isClosed;
    yield Buffer.alloc(CHUNK);
  }
}

/** Says these words when it has read so much, and is gone. */
function saying(words: string, read: number): Handler {
  return (request) => {
    let received = 0;
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received < read || request.destroyed) return;
      request.socket.write(words);
      request.socket.destroy();
      closing.emit("closed");
    });
    request.resume();
  };
}

/** What was sent and not read makes of a closed connection one that was reset. */
const ENDINGS = [
  ["closes the connection", CHUNKS_BEFORE * CHUNK],
  ["resets the connection", 1],
] as const;

const http = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;

const FORBIDDEN = http("403 Forbidden", '{"message":"not allowed here"}');
const TOO_LARGE = http("413 Content Too Large", "1 MB at most\n");
const FULL = http("200 OK", '{"status":"Importing"}\r\n{"error":"write /x: no space left on device"}\r\n');

describe.each(["unix", "tcp"] as const)("an engine on a %s socket that", (on) => {
  describe.each(ENDINGS)("%s in the middle of the upload", (_, read) => {
    /** By `docker import`, which sends a layer in the chunks it comes in. */
    async function give(handler: Handler) {
      engine = await startFakeEngine(context.dir, image, { handlers: { "POST /images/create": handler }, on });
      const found = await findEngine({ importer: "engine-api", host: engine.host }, context);
      const given = { ...image, layers: image.layers.map((layer) => ({ ...layer, open: endless })) };
      return engineSink(found, { mode: "import" }).write([given], [reference], context);
    }

    test.each([
      ["HTTP 403 and JSON", FORBIDDEN, "ENGINE_REFUSED", "HTTP 403 not allowed here"],
      ["HTTP 413 and text", TOO_LARGE, "ENGINE_REFUSED", "HTTP 413 1 MB at most"],
      ["HTTP 200 and an error line", FULL, "ENGINE_DISK_FULL", "no space left on device"],
    ])("with %s is understood", async (_, words, code, said) => {
      const work = give(saying(words, read));
      await expect(work).rejects.toMatchObject({ code, message: expect.stringContaining(said) });
    });

    test.each([
      ["without a word", ""],
      ["in the middle of a word", FULL.slice(0, -40)],
    ])("%s is lost, and that is told at once", async (_, words) => {
      const hangUp = saying(words, read);
      const work = give((request, response) => {
        // Who waits for time to pass waits for the end of the test.
        vi.useFakeTimers({ toFake: ["setTimeout"] });
        return hangUp(request, response);
      });
      await expect(work).rejects.toMatchObject({ code: "ENGINE_LOST" });
    });
  });
});

describe.each(ENDINGS)("an engine that refuses a layer, and %s in the middle of it,", (_, read) => {
  async function sinkOfRefusing() {
    const handlers = { "POST /images/create": saying(FORBIDDEN, read) };
    engine = await startFakeEngine(context.dir, image, { handlers });
    return engineSink(await findEngine({ importer: "engine-api", host: engine.host }, context));
  }

  test("gets the whole image when the layer was sent before it", async () => {
    const sink = await sinkOfRefusing();
    await using ahead = sink.takeAhead?.(endless(), context);
    expect(await ahead?.write([image], [reference], context)).toMatchObject({ id: image.config.digest });
  });

  test("gets the whole image when the layer was sent beside it", async () => {
    const sink = await sinkOfRefusing();
    let opened = 0;
    const layers = image.layers.map((layer) => ({
      ...layer,
      open: () => (opened++ === 0 ? endless() : layer.open()),
    }));
    const given = { ...image, layers };
    expect(await sink.write([given], [reference], context)).toMatchObject({ id: image.config.digest });
    expect(opened).toBe(2);
  });
});

describe("a connection that was closed after an answer", () => {
  /** What becomes of it when something is written before anything was read. */
  async function failure(use: (socket: ListeningSocket) => void) {
    const path = join(context.dir, "s");
    const server = createServer((socket) => {
      socket.write(FORBIDDEN);
      socket.destroy();
      closing.emit("closed");
    });
    await once(server.listen(path), "listening");
    const socket = new ListeningSocket().connect({ path });
    try {
      await isClosed;
      socket.write("anything");
      use(socket);
      const [error] = await once(socket, "error");
      return error;
    } finally {
      socket.destroy();
      server.close();
    }
  }

  test("fails as soon as that was read", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const words: Buffer[] = [];
    const error = await failure((socket) => socket.on("data", (chunk) => words.push(chunk)));
    expect(error).toMatchObject({ code: "EPIPE" });
    expect(Buffer.concat(words).toString()).toBe(FORBIDDEN);
  });

  test("fails all the same when nobody reads that", async () => {
    expect(await failure(() => {})).toMatchObject({ code: "EPIPE" });
  });
});
