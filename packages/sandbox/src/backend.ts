import { BaseKitError, type Context } from "@base-kit/core";
import { findEngine } from "./engine.ts";
import { plainChrootObstacle } from "./plain-chroot.ts";

/**
 * How a command is kept apart from the machine: by root in a chroot; in a user namespace with the range of /etc/subuid, so that files of
 * other users than root can exist; in one in which there is only one user, and owners are remembered; by root of a container in a chroot
 * and nothing else; or by a container engine.
 */
export type Backend = Local | "container";

/** What this machine's kernel does for us alone. */
export type Local = Isolated | "plain-chroot";

/** With mounts and processes of its own. */
type Isolated = "chroot" | "userns" | "single-user";

/** What can be asked for; `userns` and `chroot` are either kind, `auto` whatever works. */
export type SandboxMode = "chroot" | "userns" | "container" | "auto";

const MODES: Readonly<Record<SandboxMode, readonly Backend[]>> = {
  chroot: ["chroot", "plain-chroot"],
  userns: ["userns", "single-user"],
  container: ["container"],
  // From the fastest and best kept apart to the one that needs somebody else.
  auto: ["chroot", "userns", "single-user", "plain-chroot", "container"],
};

const USER: Readonly<Record<Isolated, readonly string[]>> = {
  chroot: [],
  userns: ["--user", "--map-root-user", "--map-auto"],
  "single-user": ["--user", "--map-root-user"],
};
const NAMESPACES = ["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child=SIGKILL"];

/**
 * Arguments of setpriv(1) before the command, which dies with this process, by whatever signal. So does the first process of namespaces,
 * because `unshare` dies; then the kernel ends all others and takes the mounts away.
 */
export function isolation(backend: Local): readonly string[] {
  const namespaces = backend === "plain-chroot" ? [] : ["unshare", ...USER[backend], ...NAMESPACES, "--"];
  return ["--pdeathsig", "KILL", "--", ...namespaces];
}

export interface Availability {
  readonly backend: Backend;
  /** Undefined when it works here. */
  readonly obstacle: string | undefined;
}

/**
 * Tries each backend for real: kernels, containers and distributions forbid them in many ways. In the order in which `auto` takes them:
 * `chroot`, `userns`, `single-user`, `plain-chroot`, `container`.
 */
export async function availableBackends(context: Pick<Context, "exec" | "tempDir">): Promise<readonly Availability[]> {
  return Promise.all(MODES.auto.map((backend) => availability(backend, context)));
}

async function availability(backend: Backend, context: Pick<Context, "exec" | "tempDir">): Promise<Availability> {
  return { backend, obstacle: await obstacle(backend, context) };
}

async function obstacle(backend: Backend, context: Pick<Context, "exec" | "tempDir">): Promise<string | undefined> {
  if (backend === "container") {
    const engine = await findEngine(context);
    return "obstacle" in engine ? engine.obstacle : undefined;
  }
  if (process.platform !== "linux") return "it needs Linux";
  if (backend === "chroot" && process.getuid?.() !== 0) return "it needs root";
  const owner = backend === "single-user" ? "0:0" : "1:1";
  const probe = `mount -t tmpfs base-kit /mnt && chown ${owner} /mnt`;
  try {
    if (backend === "plain-chroot") return await plainChrootObstacle(context);
    const { exitCode, stderr } = await context.exec("setpriv", [...isolation(backend), "sh", "-c", probe], {
      expectedExitCodes: "any",
      timeoutMs: 10_000,
    });
    return exitCode === 0 ? undefined : (stderr.trim().split("\n")[0] ?? "it failed");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The backend that was asked for, or with `auto` the first that works.
 *
 * @throws BaseKitError `SANDBOX_UNAVAILABLE` (environment)
 */
export async function chooseBackend(mode: SandboxMode, context: Pick<Context, "exec" | "tempDir">): Promise<Backend> {
  const tried: Availability[] = [];
  // An engine is asked only when there is no other way: it may be far away.
  for (const needsEngine of [false, true]) {
    const these = MODES[mode].filter((backend) => (backend === "container") === needsEngine);
    tried.push(...(await Promise.all(these.map((backend) => availability(backend, context)))));
    const usable = tried.find(({ obstacle }) => obstacle === undefined);
    if (usable !== undefined) return usable.backend;
  }
  const reasons = tried.map(({ backend, obstacle }) => `${backend}: ${obstacle}`).join("; ");
  throw new BaseKitError("SANDBOX_UNAVAILABLE", `the packages cannot be configured here: ${reasons}`, {
    kind: "environment",
    hint: "Run as root, allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces), or start Docker or podman (DOCKER_HOST names another engine). In a container be its root, with the capabilities that Docker gives and with TMPDIR where programs and devices may be used (a volume, --tmpfs /tmp:exec,dev), or start it with --security-opt seccomp=unconfined. --configure none leaves the packages' scripts out. Nothing was written.",
  });
}
