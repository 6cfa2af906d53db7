import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../src/request.ts";

export interface PodmanService {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Of the service. */
  readonly pid: number;
  /** Runs the podman program on the same images. */
  podman(...args: readonly string[]): string;
  stop(): Promise<void>;
}

// What a test machine may lack: crun's cgroup mode and the right to raise limits.
const CONTAINERS_CONF = `[containers]
default_ulimits=["nofile=1024:1024","nproc=1024:1024"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
`;

/** Podman's API with everything it keeps in one temporary folder. */
export async function startPodmanService(): Promise<PodmanService> {
  const folder = mkdtempSync(join(tmpdir(), "bk-pod-"));
  const inside = (name: string) => join(folder, name);
  // Its spools of uploads would stay in /var/tmp.
  mkdirSync(inside("tmp"));
  writeFileSync(inside("containers.conf"), CONTAINERS_CONF);
  const env = { ...process.env, CONTAINERS_CONF: inside("containers.conf"), TMPDIR: inside("tmp") };
  const own = [
    "--root",
    inside("root"),
    "--runroot",
    inside("run"),
    "--tmpdir",
    inside("libpod"),
    "--storage-driver",
    "vfs",
  ];
  const host = `unix://${inside("podman.sock")}`;
  const service = spawn("podman", [...own, "system", "service", "--time=0", host], { env, stdio: "ignore" });
  const stop = async () => {
    spawnSync("podman", [...own, "rm", "--all", "--force"], { env });
    service.kill("SIGTERM");
    for (let waited = 0; service.exitCode === null && service.signalCode === null && waited < 5000; waited += 50)
      await sleep(50);
    service.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  const podman = (...args: readonly string[]) =>
    execFileSync("podman", [...own, ...args], { env, encoding: "utf8" }).trim();
  const endpoint = { type: "unix", path: inside("podman.sock") } as const;
  const options = { timeoutMs: 1000, signal: new AbortController().signal };
  for (let waited = 0; waited < 20_000; waited += 100) {
    const answer = await ask(endpoint, { method: "GET", path: "/_ping" }, options).catch(() => undefined);
    if (answer?.status === 200) return { host, pid: service.pid ?? 0, stop, podman };
    await sleep(100);
  }
  await stop();
  throw new Error("podman system service did not answer within 20 s");
}
