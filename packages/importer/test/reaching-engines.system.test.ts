import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isBaseKitError, parseReference } from "@base-kit/core";
import { locationOf, requires, startPodmanService } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Importer } from "../src/engine.ts";
import { engineSink, findEngine } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";
import { startFakeEngine } from "./fake-engine.ts";
import { testImage } from "./image.ts";
import { startPrivateDockerd } from "./private-dockerd.ts";
import { startSshd } from "./sshd.ts";
import { makeCertificates, startTlsProxy } from "./tls-proxy.ts";

const IMPORTERS = ["docker-cli", "engine-api"] as const satisfies readonly Importer[];

let context: TestContext;
const closing: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  context = testContext();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  context.dispose();
});

function withEnv(env: Readonly<Record<string, string>>): TestContext {
  const other = testContext({ env });
  closing.push(other.dispose);
  return other;
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

describe.skipIf(requires("docker").skip)("an engine", () => {
  const host = locationOf("docker") ?? "";
  const socket = host.slice("unix://".length);

  /** Loads an image and takes it away again. */
  async function loads(importer: Importer, inside: TestContext): Promise<void> {
    const image = await testImage(context);
    const { id } = await engineSink(await findEngine({ importer }, inside)).write([image], [], inside);
    execFileSync("docker", ["--host", host, "image", "rm", id]);
    expect(id).toBe(image.config.digest);
  }

  test("behind TLS is reached with the files of DOCKER_CERT_PATH, by both importers", async () => {
    makeCertificates(context.dir);
    const proxy = await startTlsProxy(socket, context.dir);
    closing.push(proxy.close);
    const inside = withEnv({ DOCKER_HOST: proxy.host, DOCKER_CERT_PATH: context.dir });
    for (const importer of IMPORTERS) await loads(importer, inside);
    expect(await findEngine({ importer: "auto" }, inside)).toMatchObject({
      endpoint: proxy.host,
      importer: "engine-api",
    });
  });

  test("behind TLS is not reached with another authority, without a certificate, or without TLS", async () => {
    const [ours, theirs] = [join(context.dir, "ours"), join(context.dir, "theirs")];
    for (const folder of [ours, theirs]) {
      mkdirSync(folder);
      makeCertificates(folder);
    }
    const proxy = await startTlsProxy(socket, theirs);
    closing.push(proxy.close);
    const failure = (env: Readonly<Record<string, string>>) =>
      failureOf(findEngine({ importer: "auto" }, withEnv({ DOCKER_HOST: proxy.host, ...env })));
    expect(await failure({ DOCKER_CERT_PATH: ours })).toMatchObject({
      code: "ENGINE_UNREACHABLE",
      message: expect.stringContaining("its certificate"),
      hint: expect.stringContaining("ca.pem"),
    });
    expect((await failure({})).code).toBe("ENGINE_UNREACHABLE");
    execFileSync("cp", [join(theirs, "ca.pem"), ours]);
    // The engine knows nothing of our certificate: TLS 1.3 tells after the handshake.
    expect((await failure({ DOCKER_CERT_PATH: ours })).code).toBe("ENGINE_UNREACHABLE");
  });

  test("is found through a context of the docker program, with its certificates, by both importers", async () => {
    makeCertificates(context.dir);
    const proxy = await startTlsProxy(socket, context.dir);
    closing.push(proxy.close);
    const config = join(context.dir, "config");
    const docker = (...args: readonly string[]) =>
      execFileSync("docker", ["--config", config, "context", ...args], { stdio: "pipe" });
    const pem = (name: string) => `${name}=${join(context.dir, `${name}.pem`)}`;
    docker("create", "sealed", "--docker", [`host=${proxy.host}`, pem("ca"), pem("cert"), pem("key")].join(","));
    docker("create", "local", "--docker", `host=${host}`);
    docker("use", "local");
    const chosen = [
      { source: "context local", inside: withEnv({ DOCKER_CONFIG: config }) },
      { source: "context sealed", inside: withEnv({ DOCKER_CONFIG: config, DOCKER_CONTEXT: "sealed" }) },
    ];
    for (const { source, inside } of chosen) {
      expect(await findEngine({ importer: "auto" }, inside)).toMatchObject({ source });
      for (const importer of IMPORTERS) await loads(importer, inside);
    }
  });

  test.skipIf(requires("sshd").skip)(
    "behind ssh is reached through the docker program, by its URL or a context",
    async () => {
      const { dir, bin } = context;
      const sshd = await startSshd({ dir, bin, env: { DOCKER_HOST: host, PATH: process.env["PATH"] ?? "" } });
      closing.push(sshd.close);
      // The wrapper of ssh that knows the keys.
      const PATH = `${bin}${delimiter}${process.env["PATH"]}`;
      const config = join(dir, "config");
      execFileSync("docker", ["context", "create", "far", "--docker", `host=${sshd.host}`], {
        env: { ...process.env, DOCKER_CONFIG: config },
        stdio: "ignore",
      });
      const byUrl = withEnv({ PATH, DOCKER_HOST: sshd.host });
      const byContext = withEnv({ PATH, DOCKER_CONFIG: config, DOCKER_CONTEXT: "far" });
      const found = { importer: "docker-cli", kind: "docker", endpoint: sshd.host };
      expect(await findEngine({ importer: "auto" }, byUrl)).toMatchObject({ ...found, source: "DOCKER_HOST" });
      const far = await findEngine({ importer: "auto" }, byContext);
      expect(far).toMatchObject({ ...found, context: "far" });
      // Each question starts an ssh, so one image has to do.
      const image = await testImage(context);
      expect(await engineSink(far).write([image], [], byContext)).toMatchObject({ id: image.config.digest });
      execFileSync("docker", ["--host", host, "image", "rm", image.config.digest], { stdio: "ignore" });
    },
  );

  test.skipIf(requires("root").skip)(
    "that may not be used says so to both importers, and never asks for root",
    async () => {
      const fake = await startFakeEngine(context.dir, undefined);
      closing.push(() => fake.close());
      chmodSync(fake.socket, 0o600);
      for (const path of [fake.socket, ...(host.startsWith("unix://") ? [socket] : [])]) {
        for (const importer of IMPORTERS) {
          const error = await asNobody(() => failureOf(findEngine({ importer, host: `unix://${path}` }, context)));
          expect(error).toMatchObject({
            code: "ENGINE_UNREACHABLE",
            kind: "environment",
            hint: expect.stringContaining("rootless"),
          });
          expect(error.message).toBe(`no container engine at unix://${path} (host option): permission denied`);
        }
      }
    },
  );

  test.skipIf(requires("root").skip).each([
    { importer: "engine-api", mode: "load" },
    { importer: "docker-cli", mode: "import" },
  ] as const)("that is killed in the middle is reported through $importer by $mode", async ({ importer, mode }) => {
    const dockerd = await startPrivateDockerd();
    closing.push(dockerd.stop);
    await dies({ importer, mode, ...dockerd });
  });
});

describe.skipIf(requires("podman", "docker", "root").skip)("podman", () => {
  test("that is killed in the middle is reported by both importers", async () => {
    for (const importer of IMPORTERS) {
      const service = await startPodmanService();
      closing.push(service.stop);
      await dies({ importer, mode: "load", host: service.host, kill: () => process.kill(service.pid, "SIGKILL") });
    }
  });
});

interface DyingEngine {
  readonly importer: Importer;
  readonly mode: "load" | "import";
  readonly host: string;
  readonly kill: () => void;
}

async function dies({ importer, mode, host, kill }: DyingEngine): Promise<void> {
  let killed = false;
  const inside = testContext({
    onEvent: (event) => {
      if (killed || event.type !== "step.progressed" || event.done < 2 ** 22) return;
      killed = true;
      kill();
    },
  });
  closing.push(inside.dispose);
  const image = await testImage(context, { ballast: 2 ** 25 });
  const engine = await findEngine({ importer, host }, inside);
  const error = await failureOf(engineSink(engine, { mode }).write([image], [parseReference("demo/x")], inside));
  expect(error).toMatchObject({
    code: "ENGINE_LOST",
    kind: "environment",
    hint: expect.stringContaining("repeat the command"),
  });
  expect(error.message).not.toMatch(/\p{Cc}/u);
  expect(killed).toBe(true);
  expect(spawnSync("docker", ["--host", host, "version"]).status).not.toBe(0);
}

/** Files and sockets are looked at with the rights of somebody who has none. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(65534);
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}
