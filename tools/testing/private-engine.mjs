// A Docker daemon for one test run: everything it keeps lies in one temporary folder, and goes with it.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PREFIX = "base-kit-dockerd-";
const START_SECONDS = 60;
const STOP_SECONDS = 30;
/** Not the temporary folder where there is a choice: that one is often memory. */
const PARENT = existsSync("/var/tmp") ? "/var/tmp" : tmpdir();

/** Version of the engine at the usual place (DOCKER_HOST, the current context, the default socket), if it answers. */
export function engineVersion(env = process.env) {
  const { status, stdout } = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], {
    encoding: "utf8",
    timeout: 20_000,
    env,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Starts a daemon and waits until it answers. It has no bridge and writes no firewall rules, so that the machine's
 * network stays as it was; a container that needs the network asks for `--network host`.
 *
 * @returns its address, containerd's socket and how to stop it
 */
export async function startPrivateEngine({ note, signal }) {
  const folder = mkdtempSync(join(PARENT, `${PREFIX}${process.pid}-`));
  const socket = join(folder, "docker.sock");
  const log = join(folder, "log");
  const logFile = openSync(log, "a");
  mkdirSync(join(folder, "tmp"));
  const daemon = spawn(
    "dockerd",
    [
      `--host=unix://${socket}`,
      `--data-root=${join(folder, "data")}`,
      `--exec-root=${join(folder, "exec")}`,
      `--pidfile=${join(folder, "pid")}`,
      "--config-file=",
      "--bridge=none",
      "--iptables=false",
      "--ip6tables=false",
    ],
    // A process group of its own: Ctrl-C reaches the tests first, and the daemon when they are done.
    {
      detached: true,
      stdio: ["ignore", logFile, logFile],
      env: { ...process.env, DOCKER_TMPDIR: join(folder, "tmp") },
    },
  );
  closeSync(logFile);
  let ended;
  daemon.once("error", (error) => {
    ended = error.message;
  });
  daemon.once("exit", (code, signal) => {
    ended ??= `ended with ${signal ?? `exit code ${code}`}`;
  });
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
  const stop = async () => {
    killContainers(env);
    await discard(folder, { pid: daemon.pid, note });
  };
  const deadline = Date.now() + START_SECONDS * 1000;
  while (engineVersion(env) === undefined) {
    if (signal.aborted) ended = `was stopped by ${signal.reason}`;
    if (ended === undefined && Date.now() > deadline) ended = `did not answer within ${START_SECONDS} s`;
    if (ended !== undefined) {
      const tail = readFileSync(log, "utf8").trim().split("\n").slice(-12).join("\n");
      await stop();
      throw new Error(`dockerd ${ended}\n${tail}`);
    }
    await sleep(200);
  }
  return { host: env.DOCKER_HOST, containerd: join(folder, "exec/containerd/containerd.sock"), stop };
}

/** The daemon itself would give each of them ten seconds. */
function killContainers(env) {
  const { stdout } = spawnSync("docker", ["ps", "--quiet", "--no-trunc"], { encoding: "utf8", timeout: 20_000, env });
  const running = (stdout ?? "").split("\n").filter(Boolean);
  if (running.length > 0) spawnSync("docker", ["kill", ...running], { stdio: "ignore", timeout: 20_000, env });
}

/** Ends what a test run that was killed has left behind. The name of a folder says whose it is. */
export async function discardAbandonedEngines({ note }) {
  for (const name of readdirSync(PARENT).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(PARENT, name);
    if (isAlive(Number.parseInt(name.slice(PREFIX.length), 10))) continue;
    note(`removing the private dockerd of a test run that was killed (${folder})`);
    await discard(folder, { pid: readNumber(join(folder, "pid")), note });
  }
}

async function discard(folder, { pid, note }) {
  const containerd = readNumber(join(folder, "exec/containerd/containerd.pid"));
  await end(pid, folder);
  await end(containerd, folder);
  // Only a daemon that was killed leaves containers: a shim each, whose child is the first process of the container.
  for (const shim of processesNaming(folder)) {
    for (const first of childrenOf(shim)) process.kill(first, "SIGKILL");
    await end(shim, folder);
  }
  for (const mount of mountsBelow(folder).reverse()) {
    if (spawnSync("umount", [mount]).status !== 0) spawnSync("umount", ["--lazy", mount]);
  }
  const [still] = mountsBelow(folder);
  if (still) {
    note(`${folder} is left in place: ${still} is still mounted`);
    return;
  }
  // GNU rm because a root filesystem may be nested deeper than Node's recursion goes.
  const { status } = spawnSync("rm", ["-rf", "--one-file-system", "--", folder]);
  if (status !== 0) rmSync(folder, { recursive: true, force: true });
}

/** Asks a process to end, then makes it. Only one that runs for this folder: its number may have been given away. */
async function end(pid, folder) {
  if (!runsFor(pid, folder)) return;
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + STOP_SECONDS * 1000;
  while (runsFor(pid, folder) && Date.now() < deadline) await sleep(50);
  if (runsFor(pid, folder)) process.kill(pid, "SIGKILL");
}

function processesNaming(folder) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && runsFor(pid, folder));
}

function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function runsFor(pid, folder) {
  if (pid === undefined) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${folder}/`);
  } catch {
    return false;
  }
}

function mountsBelow(folder) {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${folder}/`));
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readNumber(file) {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}
