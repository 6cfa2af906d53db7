import { BaseKitError, type Context } from "@base-kit/core";

/** How a command is kept apart from the machine. */
export type Backend = "chroot" | "userns";

const NAMESPACES = ["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child=SIGKILL"];

/** Arguments of unshare(1). A user namespace maps the range of /etc/subuid, so that files of other users than root can exist. */
export function unshareArguments(backend: Backend): readonly string[] {
  return backend === "chroot" ? NAMESPACES : ["--user", "--map-root-user", "--map-auto", ...NAMESPACES];
}

export interface Availability {
  readonly backend: Backend;
  /** Undefined when it works here. */
  readonly obstacle: string | undefined;
}

/** Tries each backend for real: kernels, containers and distributions forbid them in many ways. The first that works is the best. */
export async function availableBackends(context: Pick<Context, "exec">): Promise<readonly Availability[]> {
  return Promise.all(
    (["chroot", "userns"] as const).map(async (backend) => ({ backend, obstacle: await obstacle(backend, context) })),
  );
}

async function obstacle(backend: Backend, { exec }: Pick<Context, "exec">): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux";
  if (backend === "chroot" && process.getuid?.() !== 0) return "it needs root";
  const probe = "mount -t tmpfs base-kit /mnt && chown 1:1 /mnt";
  try {
    const { exitCode, stderr } = await exec("unshare", [...unshareArguments(backend), "--", "sh", "-c", probe], {
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
export async function chooseBackend(mode: Backend | "auto", context: Pick<Context, "exec">): Promise<Backend> {
  const all = await availableBackends(context);
  const tried = mode === "auto" ? all : all.filter(({ backend }) => backend === mode);
  const usable = tried.find(({ obstacle }) => obstacle === undefined);
  if (usable !== undefined) return usable.backend;
  const reasons = tried.map(({ backend, obstacle }) => `${backend}: ${obstacle}`).join("; ");
  throw new BaseKitError("SANDBOX_UNAVAILABLE", `the packages cannot be configured here: ${reasons}`, {
    kind: "environment",
    hint: "Run as root, or give the user a range in /etc/subuid and /etc/subgid; --configure none leaves the packages' scripts out. Nothing was written.",
  });
}
