import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { isBaseKitError } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEngineApi } from "../src/engine-api-client.ts";
import { findEngine, firstEngine, probePlaces } from "../src/find-engine.ts";
import { DEFAULT_LIMITS, type Limits } from "../src/limits.ts";
import type { Place } from "../src/places.ts";
import { type TestContext, type TestContextOptions, testContext } from "./context.ts";
import { type FakeEngine, type FakeEngineOptions, startFakeEngine } from "./fake-engine.ts";

const SHORT: Limits = { ...DEFAULT_LIMITS, ping: 400 };
const AUTO = { importer: "auto" } as const;

let context: TestContext;
const closing: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  context = testContext();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  context.dispose();
});

async function fakeEngine(handlers: FakeEngineOptions["handlers"] = {}): Promise<FakeEngine> {
  const engine = await startFakeEngine(context.dir, undefined, { handlers });
  closing.push(() => engine.close());
  return engine;
}

/** Something that listens and is no engine. */
async function listener(onConnection: (socket: Socket) => void): Promise<string> {
  const path = join(context.dir, "other.sock");
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    closing.push(() => void socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closing.push(() => void server.close());
  return `unix://${path}`;
}

async function failureOf(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (isBaseKitError(error)) return error;
    throw error;
  }
  throw new Error("it succeeded");
}

function withEnv(env: TestContextOptions["env"]): TestContext {
  const other = testContext({ ...(env && { env }) });
  closing.push(other.dispose);
  return other;
}

describe("the engine of choice", () => {
  test("is found through DOCKER_HOST, and tells what it is", async () => {
    const engine = await fakeEngine();
    expect(await findEngine(AUTO, withEnv({ DOCKER_HOST: engine.host }))).toEqual({
      kind: "docker",
      importer: "engine-api",
      endpoint: engine.host,
      source: "DOCKER_HOST",
      apiVersion: "1.41",
      address: { type: "unix", path: engine.socket },
    });
  });

  test("is found through a context, which the docker program is then given by its name", async () => {
    const engine = await fakeEngine();
    const id = createHash("sha256").update("mine").digest("hex");
    const folder = join(context.dir, "config", "contexts", "meta", id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "meta.json"),
      JSON.stringify({ Name: "mine", Endpoints: { docker: { Host: engine.host } } }),
    );
    const inside = withEnv({ DOCKER_CONFIG: join(context.dir, "config"), DOCKER_CONTEXT: "mine" });
    expect(await findEngine(AUTO, inside)).toMatchObject({ source: "context mine", context: "mine" });
    writeFileSync(join(inside.bin, "docker"), `#!/bin/sh\necho "$*" >> ${context.dir}/calls\n`, { mode: 0o755 });
    await findEngine({ importer: "docker-cli" }, inside);
    expect(readFileSync(join(context.dir, "calls"), "utf8")).toBe("--context mine version\n");
  });

  test("speaks its own version of the API: an old one, a new one, or none it tells", async () => {
    for (const [apiVersion, prefix] of [
      ["1.24", "/v1.24"],
      ["1.99", "/v1.99"],
      ["../../x", ""],
    ]) {
      const engine = await fakeEngine({
        "GET /_ping": (_, response) => {
          response.setHeader("Api-Version", apiVersion as string).end("OK");
        },
      });
      const found = await findEngine({ importer: "engine-api", host: engine.host }, context);
      const paths: (string | undefined)[] = [];
      const client = await openEngineApi(found, { context, limits: SHORT });
      engine.onRequest((url) => paths.push(url));
      await client.inspect("x");
      client.close();
      expect(paths).toEqual([`${prefix}/images/x/json`]);
    }
  });

  test.each<[what: string, host: () => string | Promise<string>, why: string]>([
    ["is not there", () => "unix:///nonexistent/docker.sock", "no such file"],
    [
      "is a file",
      () => {
        writeFileSync(join(context.dir, "file"), "");
        return `unix://${join(context.dir, "file")}`;
      },
      "connection refused",
    ],
    ["listens nowhere", () => "tcp://127.0.0.1:1", "connection refused"],
    ["has an unknown host name", () => "tcp://nonexistent.invalid", "host name"],
    ["says nothing", () => listener(() => {}), "no answer in time"],
    ["hangs up", () => listener((socket) => socket.destroy()), "closed before an answer came"],
    ["speaks no HTTP", () => listener((socket) => socket.end("SSH-2.0-OpenSSH\r\n")), "does not speak HTTP"],
    [
      "is a web server",
      async () => (await fakeEngine({ "GET /_ping": (_, r) => void r.end("<html>") })).host,
      "not a container engine",
    ],
    [
      "is in trouble",
      async () =>
        (
          await fakeEngine({
            "GET /_ping": (_, response) => {
              response.statusCode = 500;
              response.end("no\nway");
            },
          })
        ).host,
      'HTTP 500 "no\\nway"',
    ],
    [
      "wants TLS",
      async () =>
        (
          await fakeEngine({
            "GET /_ping": (_, response) => {
              response.statusCode = 400;
              response.end("Client sent an HTTP request to an HTTPS server.\n");
            },
          })
        ).host,
      "DOCKER_CERT_PATH",
    ],
    [
      "runs Windows",
      async () =>
        (
          await fakeEngine({
            "GET /_ping": (_, response) => {
              response.setHeader("Ostype", "windows").setHeader("Api-Version", "1.41").end("OK");
            },
          })
        ).host,
      "Windows containers",
    ],
    [
      "never stops answering",
      async () =>
        (
          await fakeEngine({
            "GET /_ping": (_, r) => void r.setHeader("Api-Version", "1.41").end("x".repeat(5_000_000)),
          })
        ).host,
      "longer than",
    ],
  ])("that %s is an error, and no other engine is taken", async (_, host, why) => {
    const error = await failureOf(findEngine({ ...AUTO, host: await host() }, context, SHORT));
    expect(error).toMatchObject({ code: "ENGINE_UNREACHABLE", kind: "environment" });
    expect(error.message).toContain(why);
  });

  test("is podman when it says so", async () => {
    const engine = await fakeEngine({
      "GET /_ping": (_, response) => {
        response.setHeader("Api-Version", "1.41").setHeader("Libpod-Api-Version", "4.3.1").end("OK");
      },
    });
    expect(await findEngine({ ...AUTO, host: engine.host }, context)).toMatchObject({ kind: "podman" });
  });

  test("is asked one question", async () => {
    const engine = await fakeEngine();
    await findEngine({ ...AUTO, host: engine.host }, context);
    expect(engine.requests.map(({ line }) => line)).toEqual(["GET /_ping"]);
  });

  test("is not waited for after an abort", async () => {
    const controller = new AbortController();
    const stopping = testContext({ signal: controller.signal });
    closing.push(stopping.dispose);
    const host = await listener(() => controller.abort(new Error("stopped by the user")));
    await expect(findEngine({ ...AUTO, host }, stopping)).rejects.toThrow("stopped by the user");
  });
});

describe("without a choice", () => {
  const place = (source: string, path: string): Place => ({ source, endpoint: { type: "unix", path } });
  const options = () => ({ request: AUTO, context, limits: SHORT });

  test("the first engine that answers is taken; one that is there but does not is worth a warning", async () => {
    const host = await listener((socket) => socket.destroy());
    const engine = await fakeEngine();
    const places = [
      place("default socket", "/nonexistent/docker.sock"),
      place("rootless Docker", host.slice("unix://".length)),
      place("rootless podman", engine.socket),
      place("podman", "/nonexistent/podman.sock"),
    ];
    expect(await firstEngine(places, options())).toMatchObject({ source: "rootless podman" });
    expect(context.events).toEqual([
      {
        type: "warned",
        code: "ENGINE_SKIPPED",
        message: `no container engine at ${host} (rootless Docker): the connection was closed before an answer came; docker at ${engine.host} is used instead`,
      },
    ]);
  });

  test("every place and what is wrong with it is told when none answers", async () => {
    const host = await listener((socket) => socket.destroy());
    const places = [place("default socket", "/nonexistent/docker.sock"), place("podman", host.slice("unix://".length))];
    const error = await failureOf(firstEngine(places, options()));
    expect(error).toMatchObject({
      code: "ENGINE_NOT_FOUND",
      kind: "environment",
      hint: expect.stringContaining("DOCKER_HOST"),
    });
    expect(error.message).toBe(`no container engine answers; tried:
  unix:///nonexistent/docker.sock (default socket): no such file
  ${host} (podman): the connection was closed before an answer came`);
  });
});

test("a diagnosis lists the choice first and every usual place once, with what is there", async () => {
  const engine = await fakeEngine();
  const runtime = join(context.dir, "run");
  mkdirSync(runtime);
  symlinkSync(engine.socket, join(runtime, "docker.sock"));
  const places = await probePlaces(
    withEnv({ DOCKER_HOST: `unix://${join(runtime, "docker.sock")}`, XDG_RUNTIME_DIR: runtime }),
    SHORT,
  );
  expect(places.map(({ source, chosen }) => `${source} ${chosen}`)).toEqual([
    "DOCKER_HOST true",
    "default socket false",
    "Docker Desktop false",
    "rootless podman false",
    "podman false",
  ]);
  expect(places[0]?.engine).toEqual({
    kind: "docker",
    endpoint: `unix://${join(runtime, "docker.sock")}`,
    source: "DOCKER_HOST",
    version: "20.10.24",
    apiVersion: "1.41",
    architecture: "amd64",
    storage: "overlay2",
    dataRoot: "/var/lib/docker",
  });
  expect(places[3]?.failure).toMatchObject({
    code: "ENGINE_UNREACHABLE",
    message: expect.stringContaining("no such file"),
  });
  const [broken] = await probePlaces(withEnv({ DOCKER_HOST: "npipe://x" }), SHORT);
  expect(broken).toMatchObject({ source: "DOCKER_HOST", chosen: true, failure: { code: "ENGINE_ENDPOINT_INVALID" } });
  expect(broken?.endpoint).toBeUndefined();
});

test.each<[what: string, handlers: FakeEngineOptions["handlers"], why: string | undefined]>([
  ["has no version", { "GET /version": (_, response) => void response.end("[]") }, "not to /version"],
  ["never stops", { "GET /version": (_, response) => void response.end("x".repeat(5_000_000)) }, "longer than"],
  ["says nothing of its version", { "GET /version": () => {} }, "no answer in time"],
  ["will not tell of itself", { "GET /info": (_, response) => void response.writeHead(500).end() }, undefined],
  ["is silent about itself", { "GET /info": () => {} }, undefined],
])("a diagnosis of an engine that %s does not hang", async (_, handlers, why) => {
  const engine = await fakeEngine(handlers);
  const [found] = await probePlaces(withEnv({ DOCKER_HOST: engine.host }), SHORT);
  if (why === undefined) {
    expect(found?.engine).toMatchObject({ kind: "docker", version: "20.10.24" });
    expect(found?.engine).not.toHaveProperty("storage");
  } else expect(found?.failure).toMatchObject({ code: "ENGINE_UNREACHABLE", message: expect.stringContaining(why) });
});
