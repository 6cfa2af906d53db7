import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Podman with everything it keeps in one folder. */
export interface Podman {
  /** For `podman` and those that start it. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs it, and gives what it prints. */
  podman(...args: readonly string[]): string;
}

/** Its API, which speaks Docker's language too. */
export interface PodmanService extends Podman {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Of the service. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Podman in a folder that the caller removes. */
export function podmanIn(folder: string): Podman {
  const inside = (name: string) => join(folder, name);
  // What it unpacks uploads in would stay in /var/tmp.
  for (const name of ["tmp", "home"]) mkdirSync(inside(name), { recursive: true });
  // What a test machine may lack: a cgroup mode that crun knows, and the right to raise limits.
  writeFileSync(
    inside("containers.conf"),
    `[containers]
default_ulimits=[]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
static_dir="${inside("root/libpod")}"
volume_path="${inside("root/volumes")}"
tmp_dir="${inside("libpod")}"
[network]
network_config_dir="${inside("networks")}"
`,
  );
  writeFileSync(
    inside("storage.conf"),
    `[storage]\ndriver="vfs"\ngraphroot="${inside("root")}"\nrunroot="${inside("run")}"\n`,
  );
  const { DOCKER_HOST: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    CONTAINERS_CONF: inside("containers.conf"),
    CONTAINERS_STORAGE_CONF: inside("storage.conf"),
    HOME: inside("home"),
    TMPDIR: inside("tmp"),
    XDG_RUNTIME_DIR: inside("tmp"),
  };
  const podman = (...args: readonly string[]) =>
    execFileSync("podman", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  return { env, podman };
}

/** Starts the API and waits until it answers. */
export async function startPodmanService(): Promise<PodmanService> {
  const folder = mkdtempSync(join(tmpdir(), "bk-pod-"));
  const { env, podman } = podmanIn(folder);
  const host = `unix://${join(folder, "podman.sock")}`;
  const service = spawn("podman", ["system", "service", "--time=0", host], { env, stdio: "ignore" });
  const stop = async () => {
    spawnSync("podman", ["rm", "--all", "--force"], { env });
    service.kill("SIGTERM");
    for (let waited = 0; service.exitCode === null && service.signalCode === null && waited < 5000; waited += 50)
      await sleep(50);
    service.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  for (let waited = 0; waited < 20_000; waited += 100) {
    if (spawnSync("podman", ["--url", host, "version"], { env }).status === 0)
      return { host, pid: service.pid ?? 0, env, podman, stop };
    await sleep(100);
  }
  await stop();
  throw new Error("podman system service did not answer within 20 s");
}
