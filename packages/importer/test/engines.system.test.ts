import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { type Image, parseReference, type RuntimeConfig } from "@base-kit/core";
import { locationOf, type PodmanService, requires, startPodmanService } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Importer } from "../src/engine.ts";
import { engineSink, findEngine, type ImportMode, probePlaces, runImageOnce } from "../src/index.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { type TestContext, testContext } from "./context.ts";
import { MARK, markedImage } from "./image.ts";

const IMPORTERS = ["docker-cli", "engine-api"] as const satisfies readonly Importer[];
const MODES = ["load", "import"] as const satisfies readonly ImportMode[];
const WAYS = IMPORTERS.flatMap((importer) => MODES.map((mode) => ({ importer, mode })));

const prefix = `base-kit-test/importer-${process.pid}`;
let podman: PodmanService | undefined;
let context: TestContext;
let host: string;
const names: string[] = [];
const ids: string[] = [];

beforeEach(() => {
  context = testContext();
});
afterEach(() => {
  const wanted = [...names.splice(0), ...ids.splice(0)];
  if (wanted.length > 0) docker(["image", "rm", "--force", ...wanted]);
  context.dispose();
});

function docker(args: readonly string[]) {
  return spawnSync("docker", ["--host", host, ...args], { encoding: "utf8" });
}

function output(args: readonly string[]): string {
  const { status, stdout, stderr } = docker(args);
  if (status !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** The names on this machine; the images behind them go when the test ends. */
function freshName(): string {
  const name = `${prefix}-${randomBytes(4).toString("hex")}`;
  names.push(name);
  return name;
}

async function give(
  image: Image,
  { importer, mode, as }: { readonly importer: Importer; readonly mode: ImportMode; readonly as: readonly string[] },
) {
  const engine = await findEngine({ importer, host }, context);
  const result = await engineSink(engine, { mode }).write([image], as.map(parseReference), context);
  ids.push(result.id);
  return result;
}

/** What these tests made: that of others comes and goes meanwhile. */
const OURS = Object.entries(MARK).map(([key, value]) => `--filter=label=${key}=${value}`);

function imageIds(): readonly string[] {
  return output(["image", "ls", "--all", "--quiet", "--no-trunc", ...OURS])
    .split("\n")
    .filter(Boolean)
    .sort();
}

const settings: RuntimeConfig = {
  env: { PATH: "/bin", EMPTY: "", ODD: `a "b" \\ $HOME 'c' é`, SPACED: " x " },
  entrypoint: ["/hello"],
  cmd: ["two\nlines", 'quote"', "$HOME \\"],
  user: "1000:1000",
  workdir: "/a b",
  expose: ["80/tcp", "53/udp"],
  volumes: ["/data"],
  labels: { "org.example.text": `it's "$x" \\`, empty: "" },
};

const engines = [
  {
    kind: "docker",
    skip: requires("docker").skip,
    start: async () => locationOf("docker") ?? "",
  },
  {
    kind: "podman",
    skip: requires("docker", "podman", "root").skip,
    start: async () => {
      podman = await startPodmanService();
      return podman.host;
    },
  },
];

describe.each(engines.filter(({ skip }) => !skip))("$kind", ({ kind, start }) => {
  // Where the engine is slow, each importer and each mode once is enough.
  const ways =
    kind === "docker" ? WAYS : WAYS.filter(({ importer, mode }) => (importer === "engine-api") === (mode === "load"));
  beforeAll(async () => {
    host = await start();
  });
  afterAll(async () => {
    await podman?.stop();
    podman = undefined;
  });

  test.each(WAYS)("runs what it was given through $importer by $mode", async ({ importer, mode }) => {
    const name = freshName();
    const image = await markedImage(context, { compression: mode === "load" ? "none" : "gzip" });
    const result = await give(image, { importer, mode, as: [name] });
    expect(result.references).toEqual([`${name}:latest`]);
    const [found] = JSON.parse(output(["image", "inspect", name]));
    expect(result).toMatchObject({ id: found.Id, size: found.Size });
    expect(found.RootFS.Layers).toEqual(image.layers.map(({ diffId }) => diffId));
    if (process.arch === "x64") {
      expect(output(["run", "--rm", "--network", "none", name])).toBe("hello from base-kit");
    }
  });

  test.skipIf(process.arch !== "x64")(
    "starts one once, tells what became of it, and keeps neither container nor image",
    async () => {
      const engine = await findEngine({ importer: "engine-api", host }, context);
      const once = async (cmd: readonly string[]) => {
        const image = await markedImage(context, { runtime: { cmd, labels: MARK } });
        const result = await runImageOnce(engine, image, { seconds: 30, context });
        expect(imageIds()).not.toContain(image.config.digest);
        return result;
      };
      expect(await once(["/hello"])).toEqual({ exitCode: 0, output: "hello from base-kit\n" });
      expect(await once(["/none"])).toEqual({ refused: expect.stringMatching(/none.*no such file/i), output: "" });
      const kept = await give(await markedImage(context), { importer: "engine-api", mode: "load", as: [freshName()] });
      expect(imageIds()).toContain(kept.id);
      expect(output(["container", "ls", "--all", "--quiet", ...OURS])).toBe("");
    },
  );

  test("gives the same id through both importers, the digest of the config, also the second time", async () => {
    const image = await markedImage(context);
    for (const importer of IMPORTERS) {
      docker(["image", "rm", "--force", image.config.digest]);
      expect((await give(image, { importer, mode: "load", as: [] })).id).toBe(image.config.digest);
    }
    expect((await give(image, { importer: "docker-cli", mode: "load", as: [] })).id).toBe(image.config.digest);
    expect(context.events.at(-1)).toMatchObject({ type: "step.ended", outcome: "done", detail: "already there" });
    expect(imageIds().filter((id) => id === image.config.digest)).toHaveLength(1);
  });

  test.each(kind === "docker" ? IMPORTERS : (["engine-api"] as const))(
    "sets every name through %s, and a name moves to the newer image",
    async (importer) => {
      const [first, second] = [freshName(), freshName()];
      const older = await give(await markedImage(context), { importer, mode: "load", as: [`${first}:1.0`] });
      const newer = await give(await markedImage(context), {
        importer,
        mode: "load",
        as: [`${first}:1.0`, second, `docker.io/${second}:two`, `localhost:5000/${second}`],
      });
      names.push(`localhost:5000/${second}`, `${first}:1.0`, `${second}:two`);
      expect(newer.references).toEqual([
        `${first}:1.0`,
        `${second}:latest`,
        `${second}:two`,
        `localhost:5000/${second}:latest`,
      ]);
      for (const name of newer.references)
        expect(output(["image", "inspect", "--format", "{{.Id}}", name])).toBe(newer.id);
      expect(older.id).not.toBe(newer.id);
    },
  );

  test.each(IMPORTERS)("keeps odd settings exactly when importing through %s", async (importer) => {
    const runtime = { ...settings, ...(kind === "podman" ? { stopSignal: "SIGINT" } : {}) };
    const image = await markedImage(context, { runtime });
    const { id } = await give(image, { importer, mode: "import", as: [] });
    const [found] = JSON.parse(output(["image", "inspect", id]));
    expect(found.Config).toMatchObject({
      Env: Object.entries(settings.env ?? {}).map(([name, value]) => `${name}=${value}`),
      Entrypoint: settings.entrypoint,
      Cmd: settings.cmd,
      User: settings.user,
      WorkingDir: settings.workdir,
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {} },
      Labels: settings.labels,
    });
  });

  test.each(ways)(
    "keeps the architecture of a foreign image through $importer by $mode, or refuses it",
    async (way) => {
      const before = imageIds();
      const image = await markedImage(context, { architecture: process.arch === "arm64" ? "amd64" : "arm64" });
      try {
        const { id } = await give(image, { ...way, as: [] });
        expect(output(["image", "inspect", "--format", "{{.Architecture}}", id])).toBe(image.platform.architecture);
      } catch (error) {
        // dockerd 20.10 imports everything as its own architecture.
        expect(error).toMatchObject({ code: "ENGINE_IMAGE_DIFFERS", message: expect.stringContaining("architecture") });
        expect(way.mode).toBe("import");
        expect(imageIds()).toEqual(before);
      }
    },
  );

  describe.each(ways)("through $importer by $mode", (way) => {
    test("has no image of a source that fails in the middle, and the name keeps its image", async () => {
      const name = freshName();
      const { id } = await give(await markedImage(context), { ...way, as: [name] });
      const before = imageIds();
      expect(before).toContain(id);
      const broken = await markedImage(context, { ballast: 2 ** 22 });
      const failure = new Error("the disk was taken out");
      const [layer] = broken.layers;
      if (layer === undefined) throw new Error("an image has a layer");
      const open = async function* () {
        let left = 2 ** 21;
        for await (const chunk of layer.open()) {
          yield chunk.subarray(0, left);
          left -= chunk.length;
          if (left <= 0) throw failure;
        }
      };
      await expect(give({ ...broken, layers: [{ ...layer, open }] }, { ...way, as: [name] })).rejects.toBe(failure);
      expect(imageIds()).toEqual(before);
      expect(output(["image", "inspect", "--format", "{{.Id}}", name])).toBe(id);
    });

    test("has no image of an import that was aborted", async () => {
      const before = imageIds();
      const controller = new AbortController();
      const stopping = testContext({
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === "step.progressed" && event.done > 2 ** 21)
            controller.abort(new Error("stopped by the user"));
        },
      });
      try {
        const image = await markedImage(context, { ballast: 2 ** 24 });
        const engine = await findEngine({ importer: way.importer, host }, stopping);
        const started = performance.now();
        await expect(
          engineSink(engine, { mode: way.mode }).write([image], [parseReference(freshName())], stopping),
        ).rejects.toThrow("stopped by the user");
        expect(performance.now() - started).toBeLessThan(30_000);
        expect(imageIds()).toEqual(before);
      } finally {
        stopping.dispose();
      }
    });
  });

  if (kind === "podman") {
    test("finds the image by the name the user gave, as the podman program looks it up", async () => {
      for (const importer of IMPORTERS) {
        const name = freshName();
        const { id } = await give(await markedImage(context), { importer, mode: "load", as: [name] });
        expect(podman?.podman("image", "inspect", "--format", "sha256:{{.Id}}", name)).toBe(id);
      }
      const [name = ""] = names;
      if (process.arch === "x64") {
        expect(podman?.podman("run", "--rm", "--network", "none", name)).toBe("hello from base-kit");
      }
    });
  }

  test("describes itself", async () => {
    expect(await findEngine({ importer: "auto", host }, context)).toMatchObject({
      kind,
      importer: "engine-api",
      endpoint: host,
      apiVersion: expect.stringMatching(/^1\.\d+$/),
    });
    // Podman looks at much of the machine to tell of itself, which takes long on a busy one.
    const patient = { ...DEFAULT_LIMITS, ping: 60_000 };
    const [{ engine } = {}] = await probePlaces({ ...context, env: { ...context.env, DOCKER_HOST: host } }, patient);
    expect(engine).toMatchObject({
      kind,
      version: expect.stringMatching(/^\d+\.\d+/),
      apiVersion: expect.stringMatching(/^1\.\d+$/),
      storage: expect.stringMatching(/./),
      dataRoot: expect.stringMatching(/^\//),
    });
  });
});
