import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { type Image, parseReference } from "@base-kit/core";
import {
  type EngineProxyOptions,
  locationOf,
  type PodmanService,
  requires,
  startEngineProxy,
  startPodmanService,
} from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { engineSink, findEngine, runImageOnce } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";
import { MARK, markedImage } from "./image.ts";

const NAMES = { stopped: "base-kit-test/two-at-once-stopped", other: "base-kit-test/two-at-once-other" } as const;

const LOADED = /^POST \/images\/load/;
/** The second time: before it is loaded it is looked for. */
const LOOKED_AT = "looked at";
const CONTAINER_MADE = "POST /containers/create";
const NAMED = /^POST .*base-kit-test/;

const engines = [
  { kind: "docker", skip: requires("docker").skip, start: async () => locationOf("docker") ?? "" },
  {
    kind: "podman",
    skip: requires("docker", "podman", "root").skip,
    start: async () => {
      podman = await startPodmanService();
      return podman.host;
    },
  },
];
let podman: PodmanService | undefined;

describe.each(engines.filter(({ skip }) => !skip))("an image that two give to $kind at once", ({ start }) => {
  let host: string;
  let context: TestContext;
  let stopping: TestContext;
  let controller: AbortController;
  const closing: (() => void)[] = [];
  beforeAll(async () => {
    host = await start();
  });
  afterAll(() => podman?.stop());
  beforeEach(() => {
    context = testContext();
    controller = new AbortController();
    stopping = testContext({ signal: controller.signal });
  });
  afterEach(() => {
    for (const close of closing.splice(0)) close();
    const ours = images();
    if (ours.length > 0) docker("image", "rm", "--force", ...ours.map(({ id }) => id));
    context.dispose();
    stopping.dispose();
  });

  const docker = (...args: readonly string[]) =>
    execFileSync("docker", ["--host", host, ...args], { encoding: "utf8" });

  /** What these tests made: that of others comes and goes meanwhile. */
  function images(): readonly { readonly id: string; readonly names: readonly string[] }[] {
    const ours = Object.entries(MARK).map(([key, value]) => `--filter=label=${key}=${value}`);
    const ids = docker("image", "ls", "--all", "--quiet", "--no-trunc", ...ours)
      .split("\n")
      .filter(Boolean);
    return [...new Set(ids)].map((id) => {
      const [{ Id, RepoTags }] = JSON.parse(docker("image", "inspect", id));
      return { id: `sha256:${Id.replace(/^sha256:/, "")}`, names: RepoTags };
    });
  }

  async function give(image: Image, as: string, within: TestContext, options: EngineProxyOptions) {
    const engine = await engineBehind(options, within);
    return engineSink(engine).write([image], [parseReference(as)], within);
  }

  async function engineBehind(options: EngineProxyOptions, within: TestContext) {
    const proxy = await startEngineProxy(context.dir, host, options);
    closing.push(proxy.close);
    return findEngine({ importer: "engine-api", host: proxy.host }, within);
  }

  test.each([
    { moment: "before it is looked at", stoppedAt: LOADED, held: LOOKED_AT },
    { moment: "before it is named", stoppedAt: LOADED, held: NAMED },
    { moment: "before it is named, where the one stopped has brought it", stoppedAt: NAMED, held: NAMED },
    { moment: "when it has just been named", stoppedAt: LOADED, held: undefined },
  ])("is there for one when the other is stopped and would take it away $moment", async ({ stoppedAt, held }) => {
    const image = await markedImage(context);
    const events = new EventEmitter();
    const [isThere, wantsItAway, isOver] = ["there", "away", "over"].map((name) => once(events, name));
    // It comes as far as that, and no further.
    const halt = async () => {
      events.emit("there");
      await new Promise(() => {});
    };
    const stopped = give(image, NAMES.stopped, stopping, {
      before: async (call) => {
        if (stoppedAt === NAMED && NAMED.test(call)) await halt();
        // What it has made of the layer is its own, and goes too.
        const isShared = !call.includes("sha256:") || call.includes(image.config.digest);
        if (!stopping.signal.aborted || !call.startsWith("DELETE ") || !isShared) return;
        events.emit("away");
        if (held === undefined) await isOver;
      },
      after: async (call) => {
        if (stoppedAt === LOADED && LOADED.test(call)) await halt();
      },
    });
    const isStopped = expect(stopped).rejects.toThrow("stopped by the user");
    if (stoppedAt === NAMED) await isThere;
    let looks = 0;
    const other = give(image, NAMES.other, context, {
      before: async (call) => {
        const isLookedAt = call === `GET /images/${image.config.digest}/json` && ++looks === 2;
        if (stopping.signal.aborted || !(held === LOOKED_AT ? isLookedAt : NAMED.test(call))) return;
        await isThere;
        controller.abort(new Error("stopped by the user"));
        await (held === undefined ? wantsItAway : isStopped);
      },
    });
    try {
      expect(await other).toMatchObject({ id: image.config.digest });
    } finally {
      events.emit("over");
    }
    await isStopped;
    expect(images()).toEqual([{ id: image.config.digest, names: [expect.stringContaining(NAMES.other)] }]);
  });

  test.skipIf(process.arch !== "x64")("is started by each, also when the other is over, and goes", async () => {
    const image = await markedImage(context);
    const seconds = 30;
    const start = async (options: EngineProxyOptions) =>
      runImageOnce(await engineBehind(options, context), image, { seconds, context });
    const outcome = { exitCode: 0, output: "hello from base-kit\n" };
    const events = new EventEmitter();
    const [isLoaded, mayStart] = ["loaded", "start"].map((name) => once(events, name));
    let other: Promise<unknown> | undefined;
    const result = await start({
      before: async (call) => {
        if (call.startsWith("POST /images/") && other === undefined) {
          other = start({
            before: async (made) => {
              if (!made.startsWith(CONTAINER_MADE)) return;
              events.emit("loaded");
              await mayStart;
            },
          });
          await isLoaded;
        }
        if (!call.startsWith(CONTAINER_MADE)) return;
        events.emit("start");
        expect(await other).toEqual(outcome);
      },
    });
    expect(result).toEqual(outcome);
    expect(images()).toEqual([]);
  });
});
