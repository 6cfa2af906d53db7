import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { type Image, parseReference } from "@base-kit/core";
import { assembleImage } from "@base-kit/oci";
import { locationOf, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { engineSink, findEngine } from "../src/index.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { type TestContext, testContext } from "./context.ts";
import { drain, type FakeEngine, type Handler, startFakeEngine } from "./fake-engine.ts";
import { markedImage, testImage } from "./image.ts";

const LABEL = "base-kit.layer-sent-ahead";
const reference = parseReference(`base-kit-test/ahead-${process.pid}`);

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

async function sinkOf(host: string, importer: "docker-cli" | "engine-api" = "engine-api") {
  const engine = await findEngine({ importer, host }, context);
  const { takeAhead } = engineSink(engine);
  if (takeAhead === undefined) throw new Error("it takes nothing ahead");
  return (layer: AsyncIterable<Uint8Array>) => takeAhead(layer, context);
}

/** The same bytes, each chunk of which is overwritten as soon as the next is asked for. */
async function* inOneBuffer(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(5000);
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += buffer.length) {
      const part = chunk.subarray(at, at + buffer.length);
      buffer.set(part);
      yield buffer.subarray(0, part.length);
      buffer.fill(0xff);
    }
  }
}

function layerOf({ layers: [layer] }: Image): AsyncIterable<Uint8Array> {
  if (layer === undefined) throw new Error("an image has a layer");
  return layer.open();
}

describe.skipIf(requires("docker").skip)("a layer sent to a real engine before its image", () => {
  const docker = (...args: readonly string[]) => execFileSync("docker", args, { encoding: "utf8" }).trim();
  /** By this process: others work with the same engine, and their images come and go meanwhile. */
  const sentAhead = () =>
    docker("image", "ls", "--all", "--quiet", `--filter=label=${LABEL}`).split("\n").filter(Boolean).filter(isOurs);
  const isOurs = (id: string) => {
    try {
      const format = `--format={{index .Config.Labels "${LABEL}"}}`;
      return docker("image", "inspect", format, id).startsWith(`${process.pid}-`);
    } catch {
      return false;
    }
  };
  let host: string;
  beforeEach(() => {
    host = locationOf("docker") ?? "";
  });
  afterEach(() => {
    try {
      docker("image", "rm", "--force", reference.familiar);
    } catch {
      // A test that writes none.
    }
  });

  test.each(["docker-cli", "engine-api"] as const)(
    "is not sent again through %s, and nothing else stays",
    async (importer) => {
      const image = await markedImage(context, { ballast: 2 ** 20 });
      const opened = image.layers.map((layer) => ({
        ...layer,
        open: () => {
          throw new Error("the layer was sent before");
        },
      }));
      const begin = await sinkOf(host, importer);
      {
        await using sink = begin(inOneBuffer(layerOf(image)));
        const result = await sink.write([{ ...image, layers: opened }], [reference], context);
        expect(result).toMatchObject({ id: image.config.digest, references: [reference.familiar] });
        expect(sentAhead()).toHaveLength(1);
      }
      expect(docker("image", "inspect", "--format={{.Id}}", reference.familiar)).toBe(image.config.digest);
      expect(sentAhead()).toEqual([]);
      if (process.arch === "x64")
        expect(docker("run", "--rm", "--network=none", reference.familiar)).toBe("hello from base-kit");
    },
  );

  test.each(["docker-cli", "engine-api"] as const)(
    "or with it through %s may take its time: only what the engine leaves waiting is silence",
    async (importer) => {
      const image = await markedImage(context, { ballast: 2 ** 20 });
      const slowly = async function* () {
        let at = 0;
        for await (const chunk of layerOf(image)) {
          if (at++ === 1) await setTimeout(4500);
          yield chunk;
        }
        expect(at).toBeGreaterThan(1);
      };
      const given = { ...image, layers: image.layers.map((layer) => ({ ...layer, open: slowly })) };
      const limits = { ...DEFAULT_LIMITS, upload: 4000 };
      const sink = engineSink(await findEngine({ importer, host }, context), {}, limits);
      expect(await sink.write([given], [reference], context)).toMatchObject({ id: image.config.digest });
      docker("image", "rm", "--force", reference.familiar);
      {
        await using ahead = sink.takeAhead?.(slowly(), context);
        expect(await ahead?.write([given], [reference], context)).toMatchObject({ id: image.config.digest });
      }
    },
  );

  test("that turns out to be another one goes again, and the image comes whole", async () => {
    const [image, other] = [await markedImage(context), await markedImage(context)];
    const begin = await sinkOf(host);
    {
      await using sink = begin(layerOf(other));
      expect(await sink.write([image], [reference], context)).toMatchObject({ id: image.config.digest });
    }
    expect(sentAhead()).toEqual([]);
  });

  test("of an image that is there already, or that is not made, leaves nothing", async () => {
    const image = await markedImage(context, { ballast: 2 ** 20 });
    const begin = await sinkOf(host);
    await engineSink(await findEngine({ importer: "engine-api", host }, context)).write([image], [reference], context);
    {
      await using sink = begin(layerOf(image));
      expect(await sink.write([image], [reference], context)).toMatchObject({ id: image.config.digest });
    }
    {
      await using _ = begin(layerOf(await markedImage(context)));
    }
    expect(sentAhead()).toEqual([]);
  });

  test("that was stopped half-way is no image", async () => {
    const controller = new AbortController();
    const stopping = testContext({ signal: controller.signal });
    try {
      const image = await markedImage(context, { ballast: 2 ** 22 });
      const endless = async function* () {
        for await (const chunk of layerOf(image)) {
          yield chunk.subarray(0, chunk.length / 2);
          controller.abort(new Error("stopped by the user"));
          await new Promise(() => {});
        }
      };
      const { takeAhead } = engineSink(await findEngine({ importer: "engine-api", host }, stopping));
      {
        await using sink = takeAhead?.(endless(), stopping);
        await expect(sink?.write([image], [reference], stopping)).rejects.toThrow("stopped by the user");
      }
      expect(sentAhead()).toEqual([]);
    } finally {
      stopping.dispose();
    }
  });

  test("whose source fails is no image, and the failure is told", async () => {
    const image = await markedImage(context, { ballast: 2 ** 22 });
    const failure = new Error("the disk was taken out");
    const broken = async function* () {
      for await (const chunk of layerOf(image)) {
        yield chunk.subarray(0, chunk.length / 2);
        throw failure;
      }
    };
    const begin = await sinkOf(host);
    {
      await using sink = begin(broken());
      await expect(sink.write([image], [reference], context)).rejects.toBe(failure);
    }
    expect(sentAhead()).toEqual([]);
    expect(() => docker("image", "inspect", image.config.digest)).toThrow();
  });
});

describe("an image under whose name are the same layers already", () => {
  test.skipIf(requires("docker").skip)("is built anew with other settings without sending them again", async () => {
    const host = locationOf("docker") ?? "";
    const before = await markedImage(context, { ballast: 2 ** 20 });
    const sink = engineSink(await findEngine({ importer: "engine-api", host }, context));
    await sink.write([before], [reference], context);
    const unread = before.layers.map((layer) => ({
      ...layer,
      open: () => {
        throw new Error("the engine has it");
      },
    }));
    const options = { created: 1, history: [{ createdBy: "other settings" }] };
    const after = assembleImage({ platform: before.platform, runtime: { cmd: ["/other"] } }, unread, options);
    try {
      expect(await sink.write([after], [reference], context)).toMatchObject({ id: after.config.digest });
      const found = execFileSync("docker", ["image", "inspect", "--format={{json .Config.Cmd}}", reference.familiar]);
      expect(JSON.parse(found.toString())).toEqual(["/other"]);
    } finally {
      for (const { config } of [before, after]) execFileSync("docker", ["image", "rm", "--force", config.digest]);
    }
  });

  test("is sent whole when the engine has lost them meanwhile", async () => {
    const image = await testImage(context, { ballast: 2 ** 20 });
    const Layers = image.layers.map(({ diffId }) => diffId);
    const other = { Id: `sha256:${"1".repeat(64)}`, Architecture: "amd64", Size: 1, RepoTags: [], RootFS: { Layers } };
    let tries = 0;
    const forgetful: Handler = async (request, response) => {
      await drain(request);
      const error = { error: "open blobs/sha256/…: no such file or directory" };
      response.end(JSON.stringify(tries++ === 0 ? error : { stream: `Loaded image ID: ${image.config.digest}\n` }));
    };
    const ours: Handler = (_, response) => {
      if (tries < 2) response.writeHead(404).end('{"message":"No such image"}');
      else response.end(JSON.stringify({ ...other, Id: image.config.digest }));
    };
    const engine = await startFakeEngine(context.dir, image, {
      handlers: {
        "POST /images/load": forgetful,
        "GET /images/": ours,
        "GET /images/docker.io": (_, response) => void response.end(JSON.stringify(other)),
      },
    });
    try {
      const sink = engineSink(await findEngine({ importer: "engine-api", host: engine.host }, context));
      expect(await sink.write([image], [reference], context)).toMatchObject({ id: image.config.digest });
      const loads = engine.requests.filter(({ line }) => line.startsWith("POST /images/load"));
      expect(loads.map(({ received }) => received > 2 ** 20)).toEqual([false, true]);
    } finally {
      await engine.close();
    }
  });
});

test("a layer that may have come in when the work was stopped is looked for by its label, and taken away", async () => {
  const controller = new AbortController();
  const stopping = testContext({ signal: controller.signal });
  const image = await testImage(context);
  const id = `sha256:${"1".repeat(64)}`;
  const found = { Id: id, Architecture: "amd64", Size: 1, RepoTags: null, RootFS: { Layers: [] } };
  let lists = 0;
  const deleted: string[] = [];
  const engine = await startFakeEngine(context.dir, image, {
    handlers: {
      "POST /images/create": async (request) => {
        await drain(request);
        controller.abort(new Error("stopped by the user"));
      },
      // It appears only after a while.
      "GET /images/json": (_, response) => void response.end(JSON.stringify(++lists < 3 ? [] : [found])),
      [`GET /images/${id}/json`]: (_, response) => void response.end(JSON.stringify(found)),
      [`DELETE /images/${id}`]: (request, response) => {
        deleted.push(request.url ?? "");
        response.end("[]");
      },
    },
  });
  try {
    const { takeAhead } = engineSink(await findEngine({ importer: "engine-api", host: engine.host }, stopping));
    {
      await using sink = takeAhead?.(layerOf(image), stopping);
      await expect(sink?.write([image], [reference], stopping)).rejects.toThrow("stopped by the user");
    }
    const asked = engine.requests.find(({ line }) => line.startsWith("GET /images/json"))?.line ?? "";
    const ours = new RegExp(`filters=\\{"label":\\["base-kit\\.layer-sent-ahead=${process.pid}-[0-9a-f]{16}"\\]\\}$`);
    expect(decodeURIComponent(asked)).toMatch(ours);
    expect(deleted).toEqual([`/images/${id}`]);
  } finally {
    await engine.close();
    stopping.dispose();
  }
});

/** Nothing has the image's name yet. */
const NAMELESS: Readonly<Record<string, Handler>> = {
  "GET /images/docker.io": (_, response) => void response.writeHead(404).end('{"message":"No such image"}'),
};

describe.each(["before", "beside"] as const)("an engine that fails with a layer sent %s its image", (when) => {
  let image: Image;
  let engine: FakeEngine | undefined;
  beforeEach(async () => {
    image = await testImage(context, { ballast: 2 ** 20 });
  });
  afterEach(() => engine?.close());

  async function give(handlers: Readonly<Record<string, Handler>>) {
    engine = await startFakeEngine(context.dir, image, { handlers });
    const sink = engineSink(await findEngine({ importer: "engine-api", host: engine.host }, context));
    if (when === "beside") return await sink.write([image], [reference], context);
    await using ahead = sink.takeAhead?.(layerOf(image), context);
    return await ahead?.write([image], [reference], context);
  }
  /** What the engine got to its end: the rest of an image is on its way before it is known whether the layer comes in. */
  const complete = (path: string) =>
    engine?.requests.filter((request) => request.complete && request.line.startsWith(`POST ${path}`)) ?? [];

  test.each([
    [
      "keeps them in containerd's store",
      { Driver: "overlayfs", DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] },
    ],
    ["does not tell how it keeps them", {}],
  ])("because it %s gets the whole image, and no layer before", async (_, info) => {
    const given = await give({
      "GET /_ping": (_, response) => void response.setHeader("Api-Version", "1.42").end("OK"),
      "GET /info": (_, response) => void response.end(JSON.stringify(info)),
    });
    expect(given?.id).toBe(image.config.digest);
    expect(engine?.requests.filter(({ line }) => line.startsWith("POST /images/create"))).toEqual([]);
    expect(engine?.requests.filter(({ line }) => line.startsWith("POST /images/load"))).toHaveLength(1);
  });

  test("because it allows no import gets the whole image", async () => {
    const refuse: Handler = async (request, response) => {
      await drain(request);
      response.writeHead(403).end('{"message":"not allowed here"}');
    };
    expect(await give({ "POST /images/create": refuse })).toMatchObject({ id: image.config.digest });
    const [load, ...more] = complete("/images/load");
    expect(load?.received).toBeGreaterThan(2 ** 20);
    expect(more).toEqual([]);
  });

  test("because it does not know the layer again gets the whole image", async () => {
    let tries = 0;
    const forgetful: Handler = async (request, response) => {
      await drain(request);
      const error = { error: "open blobs/sha256/…: no such file or directory" };
      const loaded = { stream: `Loaded image ID: ${image.config.digest}\n` };
      response.end(JSON.stringify(tries++ === 0 ? error : loaded));
    };
    const known: Handler = (_, response) => {
      const found = { Id: image.config.digest, Architecture: "amd64", Size: 1, RepoTags: [], Config: {} };
      const Layers = image.layers.map(({ diffId }) => diffId);
      const ahead = tries > 0 ? found : { ...found, Id: `sha256:${"1".repeat(64)}` };
      response.end(JSON.stringify({ ...ahead, RootFS: { Layers } }));
    };
    await give({ "POST /images/load": forgetful, "GET /images/": known, ...NAMELESS });
    expect(complete("/images/load").map(({ received }) => received > 2 ** 20)).toEqual([false, true]);
    expect(complete("/images/create")).toHaveLength(1);
  });

  test("by cutting what waits for the layer's end gets that again, and no layer", async () => {
    const cut = new EventEmitter();
    const wasCut = once(cut, "cut");
    let tries = 0;
    const impatient: Handler = async (request, response) => {
      if (tries++ === 0) {
        await once(request.resume(), "data");
        request.socket.destroy();
        cut.emit("cut");
        return;
      }
      await drain(request);
      response.end(JSON.stringify({ stream: `Loaded image ID: ${image.config.digest}\n` }));
    };
    const patient: Handler = async (request, response) => {
      await drain(request);
      await wasCut;
      response.end(JSON.stringify({ status: `sha256:${"1".repeat(64)}` }));
    };
    const known: Handler = (_, response) => {
      const Layers = image.layers.map(({ diffId }) => diffId);
      const found = { Architecture: "amd64", Size: 1, RepoTags: [], Config: {}, RootFS: { Layers } };
      response.end(JSON.stringify({ ...found, Id: tries > 1 ? image.config.digest : `sha256:${"1".repeat(64)}` }));
    };
    const handlers = { "POST /images/load": impatient, "POST /images/create": patient, "GET /images/": known };
    expect(await give({ ...handlers, ...NAMELESS })).toMatchObject({ id: image.config.digest });
    expect(complete("/images/load").map(({ received }) => received > 2 ** 20)).toEqual([false]);
  });

  test("by hanging up, which may leave the layer, or with a full disk, is not asked again", async () => {
    const hangUp: Handler = async (request) => {
      await drain(request);
      request.socket.destroy();
    };
    // What it has made of the layer appears only after a while.
    let lists = 0;
    const id = `sha256:${"1".repeat(64)}`;
    const found = { Id: id, Architecture: "amd64", Size: 1, RepoTags: null, RootFS: { Layers: [] } };
    const lost: Readonly<Record<string, Handler>> = {
      "POST /images/create": hangUp,
      "GET /images/json": (_, response) => void response.end(JSON.stringify(++lists < 3 ? [] : [found])),
      [`GET /images/${id}/json`]: (_, response) => void response.end(JSON.stringify(found)),
      "DELETE /images/": (_, response) => void response.end("[]"),
    };
    await expect(give(lost)).rejects.toMatchObject({ code: "ENGINE_LOST" });
    expect(engine?.requests.filter(({ line }) => line.startsWith("DELETE")).map(({ line }) => line)).toEqual([
      `DELETE /images/${id}`,
    ]);
    await engine?.close();
    const full: Handler = async (request, response) => {
      await drain(request);
      response.end('{"error":"write /x: no space left on device"}');
    };
    await expect(give({ "POST /images/create": full })).rejects.toMatchObject({ code: "ENGINE_DISK_FULL" });
    expect(complete("/images/load")).toEqual([]);
  });
});
