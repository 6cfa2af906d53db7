import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";

/** Each finds the engine that its user means by itself: by DOCKER_HOST, contexts, CONTAINER_HOST. */
const PROGRAMS = ["docker", "podman"] as const;
const TIME_MS = 20_000;

/**
 * The first program whose engine answers; else why none does. Podman without a service makes its folders in TMPDIR or XDG_RUNTIME_DIR
 * when it is asked. They stay: folders of our own it would write down in its database, and look for ever after.
 */
export async function findEngine({
  exec,
}: Pick<Context, "exec">): Promise<{ readonly program: string } | { readonly obstacle: string }> {
  const obstacles: string[] = [];
  for (const program of PROGRAMS) {
    try {
      const { exitCode, stderr } = await exec(program, ["ps", "--quiet"], {
        expectedExitCodes: "any",
        timeoutMs: TIME_MS,
      });
      if (exitCode === 0) return { program };
      obstacles.push(`${program}: ${stderr.trim().split("\n").at(-1) ?? `it ended with ${exitCode}`}`);
    } catch (error) {
      if (!isBaseKitError(error)) throw error;
      obstacles.push(error.message);
    }
  }
  return { obstacle: `no container engine answers (${obstacles.join("; ")})` };
}

/** @throws BaseKitError `SANDBOX_UNAVAILABLE` (environment) */
export async function requireEngine(context: Pick<Context, "exec">): Promise<string> {
  const found = await findEngine(context);
  if ("program" in found) return found.program;
  throw new BaseKitError("SANDBOX_UNAVAILABLE", `nothing can be run in a container: ${found.obstacle}`, {
    kind: "environment",
    hint: "Start Docker or podman, or name the engine by DOCKER_HOST. Nothing was written.",
  });
}
