import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { requires } from "@base-kit/testing";
import { describe, expect, it } from "vitest";
import { discardAbandonedEngines, engineVersion, startPrivateEngine } from "../testing/private-engine.mjs";

const IMAGE = "base-kit-test/busybox";

function docker(host: string, args: readonly string[], input?: Uint8Array): string {
  const { status, stdout, stderr } = spawnSync("docker", args, { env: { ...process.env, DOCKER_HOST: host }, input });
  expect(status, String(stderr)).toBe(0);
  return String(stdout).trim();
}

/** Runs something that does not end by itself, so that mounts and processes exist when the engine is stopped. */
function busyContainer(host: string): number {
  const tar = spawnSync("tar", ["-C", "/", "-c", "bin/busybox"], { maxBuffer: 64 << 20 }).stdout;
  docker(host, ["import", "-", IMAGE], tar);
  const id = docker(host, ["run", "--detach", IMAGE, "/bin/busybox", "sleep", "1000"]);
  return Number(docker(host, ["inspect", "--format", "{{.State.Pid}}", id]));
}

/** A process that has ended may wait a moment for its parent, but it runs no more. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[XZ]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function leftovers(host: string) {
  const folder = dirname(host.replace("unix://", ""));
  const processes = readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(join("/proc", pid, "cmdline"), "utf8").includes(`${folder}/`);
    } catch {
      return false;
    }
  });
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder));
  return { folder: existsSync(folder), processes, mounts };
}

const NOTHING = { folder: false, processes: [], mounts: [] };

describe.skipIf(requires("docker", "busybox", "root").skip)("a private engine", () => {
  const note = () => {};

  it("answers, runs a container, and leaves nothing when it is stopped", async () => {
    const engine = await startPrivateEngine({ note, signal: new AbortController().signal });
    let container: number;
    try {
      expect(engineVersion({ ...process.env, DOCKER_HOST: engine.host })).toMatch(/^\d+\.\d+/);
      container = busyContainer(engine.host);
      expect(runs(container)).toBe(true);
    } finally {
      await engine.stop();
    }
    await expect.poll(() => runs(container)).toBe(false);
    expect(leftovers(engine.host)).toEqual(NOTHING);
  });

  it("is removed by the next run when its own was killed", async () => {
    const script = `
      import { startPrivateEngine } from ${JSON.stringify(join(import.meta.dirname, "../testing/private-engine.mjs"))};
      const { host } = await startPrivateEngine({ note() {}, signal: new AbortController().signal });
      process.stdout.write(host);
      setInterval(() => {}, 1000);`;
    const killed = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = await once(killed.stdout, "data");
    const host = String(output);
    const container = busyContainer(host);
    const daemon = Number(readFileSync(join(dirname(host.replace("unix://", "")), "pid"), "utf8"));
    killed.kill("SIGKILL");
    await once(killed, "exit");
    process.kill(daemon, "SIGKILL"); // the worst case: nobody is left to stop the container
    await discardAbandonedEngines({ note });
    await expect.poll(() => runs(container)).toBe(false);
    expect(leftovers(host)).toEqual(NOTHING);
  });

  it("is refused with the daemon's own words when it cannot start", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    const starting = startPrivateEngine({ note, signal: new AbortController().signal }).finally(() => {
      process.env["PATH"] = path;
    });
    await expect(starting).rejects.toThrow("dockerd");
  });
});
