import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface RegistryServerOptions {
  /** A folder of its own. */
  readonly dir: string;
  /** PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** The `auth` section of its configuration. */
  readonly auth?: Readonly<Record<string, unknown>>;
}

/** A real docker-registry (distribution) on this machine. */
export interface RegistryServer {
  /** `127.0.0.1:41234`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts one and waits until it answers. */
export async function startRegistry({ dir, tls, auth }: RegistryServerOptions): Promise<RegistryServer> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(dir, "config.json");
  // YAML takes JSON.
  const settings = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    http: { addr: host, ...(tls === undefined ? {} : { tls }) },
    ...(auth === undefined ? {} : { auth }),
  };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const stop = () => ended(child);
  for (let waited = 0; waited < 10_000; waited += 25) {
    if (child.exitCode !== null) break;
    if (await listens(port)) return { host, stop };
    await sleep(25);
  }
  await stop();
  throw new Error(`docker-registry did not start: ${said}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
