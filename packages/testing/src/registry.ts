import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
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
  const config = join(dir, "config.json");
  // YAML takes JSON.
  const settings = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    // It says which port it has got. One that was free before it started may belong to another program by then.
    http: { addr: "127.0.0.1:0", ...(tls === undefined ? {} : { tls }) },
    ...(auth === undefined ? {} : { auth }),
  };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const stop = () => ended(child);
  for (let waited = 0; waited < 60_000 && child.exitCode === null; waited += 25) {
    const [, host] = /listening on (127\.0\.0\.1:\d+)/.exec(said) ?? [];
    if (host !== undefined) return { host, stop };
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
