import {
  BaseKitError,
  type Context,
  type ExecOptions,
  type ExecResult,
  isBaseKitError,
  printable,
} from "@base-kit/core";
import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import { type Attempt, answerInvalid, engineRefused, engineSilent, sentence } from "./engine-errors.ts";

/** The docker program, pointed at one engine. */
export interface Docker {
  /**
   * Runs a sub-command that has to succeed.
   *
   * @throws BaseKitError `DOCKER_CLI_NOT_FOUND`, `DOCKER_CLI_CRASHED`, or what the engine answered (environment)
   */
  run(args: readonly string[], options: DockerRunOptions): Promise<ExecResult>;
}

export interface DockerRunOptions
  extends Pick<ExecOptions, "stdin" | "stdout" | "onStdoutLine" | "timeoutMs" | "signal">,
    Omit<Attempt, "engine"> {}

export interface DockerTarget {
  readonly address: Endpoint;
  /** The name of a Docker context wins: the program finds the certificates behind it by itself. */
  readonly context?: string;
}

/** How the docker program names the engine in its arguments; also for commands that are shown to people. */
export function targetArguments({ address, context }: DockerTarget): readonly string[] {
  return context === undefined ? ["--host", formatEndpoint(address)] : ["--context", context];
}

export function createDocker(target: DockerTarget, context: Context): Docker {
  const engine = `${printable(formatEndpoint(target.address))} (through the docker program)`;
  const env = targetEnvironment(target);
  return {
    run: async (args, { doing, untouched, unheard, timeoutMs, ...options }) => {
      const attempt = { doing, engine, untouched, unheard };
      const result = await context
        .exec("docker", [...targetArguments(target), ...args], {
          ...options,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          // It keeps nothing of its own, and while it waits for its input it hears no SIGTERM.
          graceMs: 100,
          env,
          expectedExitCodes: "any",
        })
        .catch((error: unknown) => {
          throw execFailure(error, { attempt, timeoutMs });
        });
      if (result.exitCode !== 0) throw failure(result, attempt);
      return result;
    },
  };
}

/** Certificates are for tcp alone: with DOCKER_TLS_VERIFY set the program looks for them even when it talks to a socket. */
function targetEnvironment({ address, context }: DockerTarget): Record<string, string> {
  if (context !== undefined) return {};
  const tls = address.type === "tcp" ? address.tls : undefined;
  return {
    DOCKER_TLS: "",
    DOCKER_TLS_VERIFY: tls === undefined ? "" : "1",
    DOCKER_CERT_PATH: tls?.folder ?? "",
  };
}

function failure({ exitCode, stdout, stderr }: ExecResult, attempt: Attempt): BaseKitError {
  const panic = /^(?:panic|fatal error): .*$/m.exec(stderr)?.[0];
  if (panic !== undefined || /^goroutine \d+ \[/m.test(stderr)) return crashed(panic ?? "", attempt);
  const words = stderr.trim() || stdout.toString("utf8").trim();
  return words === ""
    ? answerInvalid(`ended with exit code ${exitCode} and said nothing`, attempt)
    : engineRefused(words, attempt);
}

function crashed(panic: string, { doing, engine }: Attempt): BaseKitError {
  return new BaseKitError(
    "DOCKER_CLI_CRASHED",
    `${doing} failed; the docker program for ${engine} crashed: ${sentence(panic)}`,
    {
      kind: "environment",
      hint: "Use the importer engine-api, which needs no docker program, or another version of that program.",
    },
  );
}

function execFailure(
  error: unknown,
  { attempt, timeoutMs }: { readonly attempt: Attempt; readonly timeoutMs: number | undefined },
): unknown {
  if (!isBaseKitError(error)) return error;
  switch (error.code) {
    case "EXEC_NOT_FOUND":
      return new BaseKitError("DOCKER_CLI_NOT_FOUND", `${attempt.doing} failed: the docker program was not found`, {
        kind: "environment",
        hint: "Install the Docker CLI (Debian: docker.io), or use the importer engine-api, which needs no program.",
        cause: error,
      });
    case "EXEC_TIMEOUT":
      return engineSilent(timeoutMs ?? 0, attempt);
    case "EXEC_FAILED":
      // Ended by a signal, or not startable.
      return crashed(error.message, attempt);
    default:
      return error;
  }
}
