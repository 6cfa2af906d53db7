import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { type Image, isBaseKitError, parseReference } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findEngine } from "../src/find-engine.ts";
import { DEFAULT_LIMITS, type Limits } from "../src/limits.ts";
import { engineSink } from "../src/sink.ts";
import { type TestContext, testContext } from "./context.ts";
import { description, drain, type FakeEngine, type Handler, startFakeEngine } from "./fake-engine.ts";
import { testImage } from "./image.ts";

/** For tests that wait for a limit to pass; where it must not, a slow machine would need more. */
const SHORT: Limits = { ...DEFAULT_LIMITS, question: 300, upload: 300, unpacking: 300 };

let context: TestContext;
let image: Image;
let engine: FakeEngine | undefined;
beforeEach(async () => {
  context = testContext();
  image = await testImage(context, { ballast: 2 ** 20 });
});
afterEach(async () => {
  await engine?.close();
  engine = undefined;
  context.dispose();
});

interface GiveOptions {
  readonly limits?: Limits;
  readonly given?: Image;
  readonly mode?: "load" | "import";
  readonly within?: TestContext;
}

async function give(
  handlers: Readonly<Record<string, Handler>>,
  { given = image, mode = "load", within = context, limits = DEFAULT_LIMITS }: GiveOptions = {},
) {
  engine = await startFakeEngine(context.dir, image, { handlers: { ...WHOLE_IMAGES, ...handlers } });
  const found = await findEngine({ importer: "engine-api", host: engine.host }, within);
  return engineSink(found, { mode }, limits).write([given], [parseReference("demo/x")], within);
}

/** An engine that takes no layer beside the rest of its image; of those that do tell the tests of layers sent ahead. */
const WHOLE_IMAGES: Readonly<Record<string, Handler>> = {
  "GET /_ping": (_, response) => void response.setHeader("Api-Version", "1.44").end("OK"),
  "GET /info": (_, response) =>
    reply(response, { Driver: "overlayfs", DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] }),
};

async function failureOf(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (isBaseKitError(error)) return error;
    throw error;
  }
  throw new Error("it succeeded");
}

function lines(): readonly string[] {
  return engine?.requests.map(({ line }) => line) ?? [];
}

const answering =
  (status: number, text: string): Handler =>
  async (request, response) => {
    await drain(request);
    response.statusCode = status;
    response.end(text);
  };

/** By a name of its own, which takes no other name along. */
const TAKEN_AWAY = /^DELETE \/images\/localhost\/base-kit\/discarded:[0-9a-f]{16}$/;

const LOADED = '{"stream":"Loaded image ID: sha256:0\\n"}\r\n';

test("a sound engine is sent one chunked tar, and the name only after the image was looked at", async () => {
  const result = await give({});
  expect(result).toEqual({ references: ["demo/x:latest"], id: image.config.digest, size: 1234 });
  const upload = engine?.requests.find(({ line }) => line.startsWith("POST /images/load"));
  expect(upload?.headers).toMatchObject({ "content-type": "application/x-tar", "transfer-encoding": "chunked" });
  const tagged = lines().findIndex((line) => line.startsWith("POST /images/sha256"));
  expect(lines()[tagged - 1]).toBe(`GET /images/${image.config.digest}/json`);
  expect(lines()[tagged]).toBe(`POST /images/${image.config.digest}/tag?repo=docker.io%2Fdemo%2Fx&tag=latest`);
  const progress = context.events.filter((event) => event.type === "step.progressed");
  expect(progress.at(-2)).toMatchObject({ unit: "bytes", done: upload?.received, total: upload?.received });
  expect(progress.at(-1)).toMatchObject({ detail: expect.stringContaining("Loaded image") });
});

const NO_SPACE = '{"message":"write /x: no space left on device"}';
const hangUp: Handler = (request) => void request.socket.destroy();

describe("an engine that fails", () => {
  test.each<[what: string, handler: Handler, code: string, message: string]>([
    [
      "with HTTP 200 and an error line",
      answering(
        200,
        '{"status":"Loading"}\r\n{"errorDetail":{"message":"invalid diffID"},"error":"invalid diffID"}\r\n',
      ),
      "ENGINE_REFUSED",
      "invalid diffID",
    ],
    [
      "with an error line after it said that it loaded",
      answering(200, `${LOADED}{"error":"too late"}`),
      "ENGINE_REFUSED",
      "too late",
    ],
    [
      "with HTTP 500 and a message",
      answering(500, '{"message":"it broke\\non two lines"}'),
      "ENGINE_REFUSED",
      "HTTP 500 it broke on two lines",
    ],
    [
      "with HTTP 500, a message and another answer",
      answering(500, '{"message":"it broke"}\n{"status":"sha256:0"}\n'),
      "ENGINE_REFUSED",
      "said: HTTP 500 it broke",
    ],
    [
      "with HTTP 500 and a page",
      answering(502, "<html>\u001b[31m"),
      "ENGINE_REFUSED",
      String.raw`HTTP 502 <html>\x1b[31m`,
    ],
    ["with HTTP 500 and nothing", answering(500, ""), "ENGINE_REFUSED", "HTTP 500"],
    [
      "because its disk is full",
      answering(200, '{"error":"write /x: no space left on device"}'),
      "ENGINE_DISK_FULL",
      "no space left",
    ],
    ["with garbage", answering(200, "\0\u0001garbage"), "ENGINE_ANSWER_INVALID", "not JSON"],
    ["with an empty answer", answering(200, ""), "ENGINE_ANSWER_INVALID", "did not say that it loaded anything"],
    [
      "with a line without an end",
      answering(200, "x".repeat(3 * 2 ** 20)),
      "ENGINE_ANSWER_INVALID",
      "a line of more than",
    ],
    ["with an error without an end", answering(500, "x".repeat(2 ** 23)), "ENGINE_REFUSED", "HTTP 500"],
    [
      "with an error before it has everything",
      (_, response) => {
        // Docker does not close before this has been read either. Of those that do tell the tests of early answers.
        const text = '{"message":"no, thanks"}';
        response.writeHead(400, { "content-length": text.length }).write(text);
      },
      "ENGINE_REFUSED",
      "HTTP 400 no, thanks",
    ],
    [
      "by hanging up after it has everything",
      async (request) => {
        await drain(request);
        request.socket.destroy();
      },
      "ENGINE_LOST",
      "closed before an answer came",
    ],
    [
      "by hanging up in the middle of the upload",
      (request) => {
        request.once("data", () => request.socket.destroy());
        request.resume();
      },
      "ENGINE_LOST",
      "went away",
    ],
    [
      "by hanging up in the middle of its answer",
      async (request, response) => {
        await drain(request);
        response.write(LOADED);
        setTimeout(() => request.socket.destroy(), 20);
      },
      "ENGINE_LOST",
      "went away",
    ],
    ["by taking nothing", () => {}, "ENGINE_TIMEOUT", "for 0.3 s"],
    ["by saying nothing", drain as Handler, "ENGINE_TIMEOUT", "for 0.3 s"],
    ["by having nothing afterwards", answering(200, LOADED), "ENGINE_ANSWER_INVALID", "does not have it"],
  ])("%s is reported, and no name is set", async (_, handler, code, message) => {
    const limits = code === "ENGINE_TIMEOUT" ? SHORT : DEFAULT_LIMITS;
    const error = await failureOf(give({ "POST /images/load": handler }, { limits }));
    expect(error).toMatchObject({ code, kind: "environment" });
    expect(error.message).toContain(message);
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(600);
    expect(error.hint).toContain("No name was set or moved");
    expect(lines().filter((line) => line.includes("/tag"))).toEqual([]);
  });

  test.each<[what: string, code: string, handlers: (id: string) => Readonly<Record<string, Handler>>, hint: string]>([
    [
      "by hanging up while it sets a name",
      "ENGINE_LOST",
      (id) => ({ [`POST /images/${id}`]: hangUp }),
      "Whether that name was set is not known.",
    ],
    [
      "with a full disk while it sets a name",
      "ENGINE_DISK_FULL",
      (id) => ({ [`POST /images/${id}`]: answering(500, NO_SPACE) }),
      "Whether that name was set is not known.",
    ],
    [
      "by hanging up when it has set one",
      "ENGINE_LOST",
      () => ({ "GET /images/demo": hangUp }),
      "The image is there as demo/x:latest.",
    ],
  ])("%s is not said to have set none", async (_, code, handlers, hint) => {
    const error = await failureOf(give(handlers(image.config.digest)));
    expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) });
    expect(error.hint).not.toMatch(/No name|not set/);
  });

  test("with a disk too full to write a name down is asked to take the image away by its id", async () => {
    const full = answering(500, NO_SPACE);
    const byName = { [`POST /images/${image.config.digest}`]: full, "DELETE /images/localhost": full };
    await failureOf(give({ ...byName, "DELETE /images/sha256": answering(200, "[]") }));
    expect(lines().filter((line) => line.startsWith("DELETE"))).toEqual([
      expect.stringMatching(TAKEN_AWAY),
      `DELETE /images/${image.config.digest}`,
    ]);
  });

  test("may take its time: only silence is counted", async () => {
    // Far more than there is between two words, and less than all of them take.
    const unpacking = 4000;
    const slowly: Handler = async (request, response) => {
      let calm = 0;
      for await (const _ of request) if (++calm % 8 === 0) await pause(30);
      for (let part = 0; part < 6; part++) {
        response.write('{"status":"Extracting","progressDetail":{"current":1,"total":2}}\r\n');
        await pause(unpacking / 5);
      }
      markLoaded();
      response.end(LOADED);
    };
    let loaded = false;
    const markLoaded = () => {
      loaded = true;
    };
    const inspect: Handler = (_, response) => reply(response, loaded ? description(image) : undefined);
    const handlers = { "POST /images/load": slowly, "GET /images/": inspect };
    await give(handlers, { limits: { ...DEFAULT_LIMITS, unpacking } });
    expect(context.events).toContainEqual(
      expect.objectContaining({ type: "step.progressed", detail: "Extracting 50 %" }),
    );
  });
});

describe("an answer about the image that", () => {
  const inspecting = (after: unknown): Readonly<Record<string, Handler>> => {
    let loads = 0;
    return {
      "POST /images/load": async (request, response) => {
        await drain(request);
        loads++;
        response.end(LOADED);
      },
      "GET /images/": (_, response) => reply(response, loads > 0 ? after : undefined),
    };
  };

  test("has other layers is refused, and the image goes", async () => {
    const other = { ...description(image), RootFS: { Layers: [`sha256:${"0".repeat(64)}`] } };
    const error = await failureOf(give(inspecting(other)));
    expect(error).toMatchObject({ code: "ENGINE_IMAGE_DIFFERS", kind: "verification" });
    expect(error.message).toContain("layers");
    expect(lines()).toContainEqual(expect.stringMatching(TAKEN_AWAY));
  });

  test("has another id is refused", async () => {
    const error = await failureOf(give(inspecting({ ...description(image), Id: `sha256:${"0".repeat(64)}` })));
    expect(error).toMatchObject({ code: "ENGINE_IMAGE_DIFFERS" });
  });

  test("goes by the digest of the manifest, as containerd's image store has it, is accepted", async () => {
    const id = image.manifest.digest;
    let loaded = false;
    const result = await give({
      "POST /images/load": async (request, response) => {
        await drain(request);
        loaded = true;
        response.end('{"stream":"Loaded image: demo/x"}');
      },
      [`GET /images/${image.config.digest}`]: (_, response) => reply(response, undefined),
      "GET /images/": (_, response) => reply(response, loaded ? { ...description(image), Id: id } : undefined),
    });
    expect(result.id).toBe(id);
  });

  test.each([[null], [[]], [{}], [{ Id: "x" }], [{ Id: "0".repeat(64) }]])("is %j is no answer", async (answer) => {
    expect(await failureOf(give(inspecting(answer)))).toMatchObject({ code: "ENGINE_ANSWER_INVALID" });
  });

  test("never comes is given up", async () => {
    const error = await failureOf(give({ "GET /images/": () => {} }, { limits: SHORT }));
    expect(error).toMatchObject({ code: "ENGINE_TIMEOUT" });
  });
});

describe("a source", () => {
  const from = (open: () => AsyncIterable<Uint8Array>): Image => {
    const [layer] = image.layers;
    if (layer === undefined) throw new Error("an image has a layer");
    return { ...image, layers: [{ ...layer, open }] };
  };

  test.each(["load", "import"] as const)(
    "that fails never looks like a whole image to the engine (%s)",
    async (mode) => {
      const failure = new Error("the disk was taken out");
      const given = from(async function* () {
        yield Buffer.alloc(1024 * 1024);
        throw failure;
      });
      await expect(give({}, { given, mode })).rejects.toBe(failure);
      const upload = await seen((line) => /^POST \/images\/(load|create)/.test(line));
      expect(upload.received).toBeGreaterThan(0);
      expect(upload.complete).toBe(false);
    },
  );

  test("may take its time also when the engine talks meanwhile", async () => {
    const [asked, talked] = [new EventEmitter(), new EventEmitter()];
    const telling = testContext({
      onEvent: (event) => {
        if (event.type === "step.progressed" && event.detail === "Importing") talked.emit("talked");
      },
    });
    const given = from(async function* () {
      yield Buffer.alloc(1024 * 1024);
      const heard = once(talked, "talked");
      asked.emit("asked");
      await heard;
      await pause(3500);
      throw new Error("the source had all the time");
    });
    const talkative: Handler = async (request, response) => {
      asked.once("asked", () => response.write('{"status":"Importing"}\r\n'));
      await drain(request);
    };
    const limits = { ...DEFAULT_LIMITS, upload: 3000 };
    const work = give({ "POST /images/load": talkative }, { given, limits, within: telling });
    await expect(work).rejects.toThrow("the source had all the time");
    telling.dispose();
  });

  test("is closed when the engine goes away", async () => {
    let closed = false;
    const given = from(async function* () {
      try {
        for (;;) yield Buffer.alloc(65536);
      } finally {
        closed = true;
      }
    });
    const hangUp: Handler = (request) => {
      request.once("data", () => request.socket.destroy());
      request.resume();
    };
    expect(await failureOf(give({ "POST /images/load": hangUp }, { given }))).toMatchObject({ code: "ENGINE_LOST" });
    expect(closed).toBe(true);
  });
});

describe("an abort", () => {
  test("in the middle of the upload destroys the connection at once", async () => {
    const controller = new AbortController();
    const stopping = testContext({
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "step.progressed" && event.done > 2 ** 19)
          controller.abort(new Error("stopped by the user"));
      },
    });
    await expect(give({}, { within: stopping })).rejects.toThrow("stopped by the user");
    stopping.dispose();
    expect((await seen((line) => line.startsWith("POST /images/load"))).complete).toBe(false);
    expect(lines().some((line) => line.startsWith("DELETE") || line.includes("/tag"))).toBe(false);
  });

  test("while the engine unpacks takes the image away as soon as it is there, but never one that has a name", async () => {
    for (const names of [[], ["somebody/else:latest"]]) {
      const controller = new AbortController();
      const stopping = testContext({ signal: controller.signal });
      let present = false;
      const work = give(
        {
          "POST /images/load": async (request) => {
            await drain(request);
            controller.abort(new Error("stopped by the user"));
            setTimeout(() => {
              present = true;
            }, 200);
          },
          "GET /images/": (_, response) =>
            reply(response, present ? { ...description(image), RepoTags: names } : undefined),
        },
        { within: stopping },
      );
      await expect(work).rejects.toThrow("stopped by the user");
      stopping.dispose();
      expect(lines().filter((line) => line.startsWith("DELETE"))).toHaveLength(names.length === 0 ? 1 : 0);
      await engine?.close();
    }
  });

  test("before the first name is set takes the image away", async () => {
    const controller = new AbortController();
    const stopping = testContext({ signal: controller.signal });
    const tag: Handler = (_, response) => {
      // The first asks for the image's name.
      if (stopping.signal.aborted) response.writeHead(201).end();
      else controller.abort(new Error("stopped by the user"));
    };
    await expect(give({ [`POST /images/${image.config.digest}`]: tag }, { within: stopping })).rejects.toThrow(
      "stopped",
    );
    stopping.dispose();
    expect(lines()).toContainEqual(expect.stringMatching(TAKEN_AWAY));
  });

  test("during a question ends it", async () => {
    const controller = new AbortController();
    const stopping = testContext({ signal: controller.signal });
    const work = give(
      { "GET /images/": () => controller.abort(new Error("stopped by the user")) },
      { within: stopping },
    );
    await expect(work).rejects.toThrow("stopped by the user");
    stopping.dispose();
  });
});

describe("docker import", () => {
  test("that reports another architecture or other settings is refused, and the image goes", async () => {
    const id = `sha256:${"7".repeat(64)}`;
    const imported = (found: object): Readonly<Record<string, Handler>> => ({
      "POST /images/create": answering(200, JSON.stringify({ status: id })),
      "GET /images/": (_, response) =>
        reply(response, { ...description(image), Id: id, Config: { Cmd: ["/hello"] }, ...found }),
    });
    for (const [found, word] of [
      [{ Architecture: "arm64" }, "architecture"],
      [{ Config: { Cmd: ["/hello"], User: "evil" } }, "User"],
      [{ Config: {} }, "Cmd"],
      [{ RootFS: { Layers: [] } }, "layers"],
    ] as const) {
      const error = await failureOf(give(imported(found), { mode: "import" }));
      expect(error).toMatchObject({ code: "ENGINE_IMAGE_DIFFERS", hint: expect.stringContaining("load") });
      expect(error.message).toContain(word);
      expect(lines()).toContain(`DELETE /images/${id}`);
      await engine?.close();
    }
    await give(imported({}), { mode: "import" });
  });

  test("cannot take several layers or zstd, which is said before anything is sent", async () => {
    const [layer] = image.layers;
    if (layer === undefined) throw new Error("an image has a layer");
    for (const [layers, code] of [
      [[layer, layer], "IMPORT_NEEDS_ONE_LAYER"],
      [[{ ...layer, compression: "zstd" as const }], "IMPORT_COMPRESSION_UNSUPPORTED"],
    ] as const) {
      const error = await failureOf(give({}, { given: { ...image, layers }, mode: "import" }));
      expect(error).toMatchObject({ code, kind: "unsupported" });
      expect(lines().filter((line) => line.startsWith("POST"))).toEqual([]);
      await engine?.close();
    }
  });
});

test("the environment of this process does not redirect what goes to a found engine", async () => {
  const before = process.env["DOCKER_HOST"];
  process.env["DOCKER_HOST"] = "tcp://127.0.0.1:9";
  process.env["DOCKER_CERT_PATH"] = "/nonexistent";
  try {
    expect((await give({})).id).toBe(image.config.digest);
    expect(process.env["DOCKER_HOST"]).toBe("tcp://127.0.0.1:9");
  } finally {
    delete process.env["DOCKER_CERT_PATH"];
    if (before === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = before;
  }
});

test("a name that another image took in the meantime is told", async () => {
  let loaded = false;
  const other = { ...description(image), Id: `sha256:${"1".repeat(64)}` };
  await give({
    "POST /images/load": async (request, response) => {
      await drain(request);
      loaded = true;
      response.end(LOADED);
    },
    "GET /images/": (_, response) => reply(response, loaded ? description(image) : undefined),
    "GET /images/demo": (_, response) => reply(response, other),
    "GET /images/docker.io": (_, response) => reply(response, other),
  });
  expect(context.events).toContainEqual(expect.objectContaining({ type: "warned", code: "ENGINE_NAME_TAKEN" }));
});

function reply(response: ServerResponse, answer: unknown): void {
  response.statusCode = answer === undefined ? 404 : 200;
  response.end(JSON.stringify(answer ?? { message: "No such image" }));
}

/** The engine notices the end of a connection a moment after we made it. */
async function seen(wanted: (line: string) => boolean) {
  for (let waited = 0; waited < 100_000; waited += 10) {
    const found = engine?.requests.find(({ line }) => wanted(line));
    if (found !== undefined) return found;
    await pause(10);
  }
  throw new Error("the engine saw no such request");
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
