import { BaseKitError, type Context } from "@base-kit/core";

/**
 * How a command is kept apart from the machine: by root in a chroot; in a user namespace with the range of /etc/subuid, so that files of
 * other users than root can exist; or in one in which there is only one user, and owners are remembered.
 */
export type Backend = "chroot" | "userns" | "single-user";

/** What can be asked for; `userns` is either kind, `auto` whatever works. */
export type SandboxMode = "chroot" | "userns" | "auto";

const MODES: Readonly<Record<SandboxMode, readonly Backend[]>> = {
  chroot: ["chroot"],
  userns: ["userns", "single-user"],
  auto: ["chroot", "userns", "single-user"],
};

const USER: Readonly<Record<Backend, readonly string[]>> = {
  chroot: [],
  userns: ["--user", "--map-root-user", "--map-auto"],
  "single-user": ["--user", "--map-root-user"],
};
const NAMESPACES = ["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child=SIGKILL"];

/**
 * Arguments of setpriv(1) before the command. The first process of the namespaces dies with `unshare`, which dies with this process, by
 * whatever signal; then the kernel ends all others and takes the mounts away.
 */
export function isolation(backend: Backend): readonly string[] {
  return ["--pdeathsig", "KILL", "--", "unshare", ...USER[backend], ...NAMESPACES, "--"];
}

export interface Availability {
  readonly backend: Backend;
  /** Undefined when it works here. */
  readonly obstacle: string | undefined;
}

/** Tries each backend for real: kernels, containers and distributions forbid them in many ways. The first that works is the best. */
export async function availableBackends(context: Pick<Context, "exec">): Promise<readonly Availability[]> {
  return Promise.all(MODES.auto.map(async (backend) => ({ backend, obstacle: await obstacle(backend, context) })));
}

async function obstacle(backend: Backend, { exec }: Pick<Context, "exec">): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux";
  if (backend === "chroot" && process.getuid?.() !== 0) return "it needs root";
  const owner = backend === "single-user" ? "0:0" : "1:1";
  const probe = `mount -t tmpfs base-kit /mnt && chown ${owner} /mnt`;
  try {
    const { exitCode, stderr } = await exec("setpriv", [...isolation(backend), "sh", "-c", probe], {
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
export async function chooseBackend(mode: SandboxMode, context: Pick<Context, "exec">): Promise<Backend> {
  const all = await availableBackends(context);
  const tried = all.filter(({ backend }) => MODES[mode].includes(backend));
  const usable = tried.find(({ obstacle }) => obstacle === undefined);
  if (usable !== undefined) return usable.backend;
  const reasons = tried.map(({ backend, obstacle }) => `${backend}: ${obstacle}`).join("; ");
  throw new BaseKitError("SANDBOX_UNAVAILABLE", `the packages cannot be configured here: ${reasons}`, {
    kind: "environment",
    hint: "Run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces); --configure none leaves the packages' scripts out. Nothing was written.",
  });
}
