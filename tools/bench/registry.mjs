// Pushing to a registry on this machine, beside skopeo. Both read the same layout; each round has a registry of its own,
// because skopeo remembers what a registry has.
import { spawn, spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { line, medians, run } from "./measure.mjs";

const MEBIBYTE = 1024 ** 2;

/** Needs docker-registry and skopeo. */
export async function pushing({ cli, folder, rounds }) {
  const layout = join(folder, "push-layout");
  for (const [tag, size] of Object.entries({ base: 80, middle: 40, top: 1 })) makeLayer(folder, tag, size);
  await run(process.execPath, [cli, "import", "--quiet", join(folder, "push"), "-o", `oci:${layout}:x`]);
  const kit = (...args) => run(process.execPath, [cli, ...args, "--quiet"]);
  const skopeo = (...args) => run("skopeo", args);
  const own = await loaded(folder);
  const works = (host) => ({
    kitNew: () => kit("copy", `oci:${layout}:x`, `docker://${host}/kit/x:1`),
    skopeoNew: () =>
      skopeo("copy", "--quiet", "--dest-tls-verify=false", `oci:${layout}:x`, `docker://${host}/skopeo/x:1`),
    kitSame: () => own.copy(`oci:${layout}:x`, `docker://${host}/kit/x:1`),
    skopeoSame: () =>
      skopeo("copy", "--quiet", "--dest-tls-verify=false", `oci:${layout}:x`, `docker://${host}/skopeo/x:1`),
    // The same program and libraries with one question to the registry; the other one starts in no time.
    kitStart: () => kit("tags", `${host}/kit/x`),
    skopeoStart: () => skopeo("--version"),
  });
  let registry;
  let turn = 0;
  const names = Object.keys(works(""));
  const measured = await medians(
    rounds,
    Object.fromEntries(
      names.map((name, index) => [
        name,
        async () => {
          if (index === 0) {
            registry?.stop();
            registry = await start(join(folder, `registry-${turn++}`));
          }
          return works(registry.host)[name]();
        },
      ]),
    ),
  );
  registry.stop();
  await own.close();
  const { kitNew, skopeoNew, kitSame, skopeoSame, kitStart, skopeoStart } = measured;
  line(
    "push a new image of 120 MB, beside skopeo, start-up apart",
    kitNew.wall - kitStart.wall,
    skopeoNew.wall - skopeoStart.wall,
    1.0,
  );
  line("push it unchanged, start-up apart", kitSame.wall, skopeoSame.wall - skopeoStart.wall, 1.0);
}

/** Copies in this process, where everything is loaded: what remains is the work. */
async function loaded(folder) {
  const { copy } = await import("../../packages/cli/dist/commands/copy.js");
  const { createContext } = await import("../../packages/host/dist/index.js");
  const { createStore } = await import("../../packages/store/dist/index.js");
  const context = await createContext({ createStore, cacheDir: join(folder, "push-cache") });
  return {
    copy: async (from, to) => {
      const started = performance.now();
      await copy(from, to, {}, context);
      return { wall: performance.now() - started, peak: 0 };
    },
    close: () => context[Symbol.asyncDispose](),
  };
}

function makeLayer(folder, name, size) {
  mkdirSync(join(folder, "push"), { recursive: true });
  writeFileSync(join(folder, "push", name), randomFillSync(Buffer.alloc(size * MEBIBYTE)));
}

async function start(dir) {
  mkdirSync(dir);
  const port = await freePort();
  const config = join(dir, "config.json");
  const settings = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") } },
    http: { addr: `127.0.0.1:${port}` },
  };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const stop = () => {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  };
  process.once("exit", stop);
  for (let waited = 0; waited < 10_000; waited += 25) {
    if (await listens(port)) return { host: `127.0.0.1:${port}`, stop };
    await sleep(25);
  }
  throw new Error("docker-registry did not start");
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export function canPush() {
  return ["docker-registry", "skopeo"].every((program) => spawnSync(program, ["--version"]).error === undefined);
}
