import { BaseKitError, printable } from "@base-kit/core";
import { PERMISSION_HINT } from "./connection-errors.ts";

/** What was being done, and with whom, when something went wrong. */
export interface Attempt {
  /** `loading the image`. */
  readonly doing: string;
  /** `docker at unix:///var/run/docker.sock`. */
  readonly engine: string;
  /** For hints. @default No name was set or moved. */
  readonly untouched?: string | undefined;
  /** The same where the engine has not said what it did, or cannot know: Docker sets a name before it writes it down. @default that of untouched */
  readonly unheard?: string | undefined;
}

/** For the attempt to name an image. */
export const NAMING: Pick<Attempt, "untouched" | "unheard"> = {
  untouched: "That name was not set or moved.",
  unheard: "Whether that name was set is not known.",
};

/** An engine's own words decide what kind of failure it is. Both clients hear the same words. */
export function engineRefused(message: string, attempt: Attempt): BaseKitError {
  const said = `${attempt.doing} failed; ${attempt.engine} said: ${sentence(message)}`;
  if (/no space left on device|disk quota exceeded/i.test(message)) {
    return new BaseKitError("ENGINE_DISK_FULL", said, {
      kind: "environment",
      hint: `The disk of the engine is full, where it keeps its data: see \`docker system df\`. ${unheard(attempt)}`,
    });
  }
  if (/permission denied while trying to connect/i.test(message)) {
    return new BaseKitError("ENGINE_UNREACHABLE", said, {
      kind: "environment",
      hint: PERMISSION_HINT,
    });
  }
  if (/cannot connect to the docker daemon|error during connect|connection reset|broken pipe|: EOF$/i.test(message)) {
    return engineLost(sentence(message), attempt);
  }
  return new BaseKitError("ENGINE_REFUSED", said, { kind: "environment", hint: untouched(attempt) });
}

/** The connection ended before the answer did. */
export function engineLost(why: string, attempt: Attempt, cause?: unknown): BaseKitError {
  return new BaseKitError("ENGINE_LOST", `${attempt.doing} failed; ${attempt.engine} went away: ${why}`, {
    kind: "environment",
    hint: `Start the engine again (\`docker version\` asks whether it answers) and repeat the command: it goes on from what is there. ${unheard(attempt)}`,
    cause,
  });
}

export function engineSilent(milliseconds: number, attempt: Attempt): BaseKitError {
  return new BaseKitError(
    "ENGINE_TIMEOUT",
    `${attempt.doing} failed; nothing came from ${attempt.engine} for ${milliseconds / 1000} s`,
    { kind: "environment", hint: `See whether the engine still answers: \`docker version\`. ${unheard(attempt)}` },
  );
}

export function answerInvalid(why: string, attempt: Attempt, cause?: unknown): BaseKitError {
  return new BaseKitError("ENGINE_ANSWER_INVALID", `${attempt.doing} failed; ${attempt.engine} ${why}`, {
    kind: "environment",
    hint: `This is no answer of Docker or podman. ${untouched(attempt)}`,
    cause,
  });
}

function untouched(attempt: Attempt): string {
  return attempt.untouched ?? "No name was set or moved.";
}

function unheard(attempt: Attempt): string {
  return attempt.unheard ?? untouched(attempt);
}

/** Words of an engine in one escaped line. */
export function sentence(text: string): string {
  const line = text
    .trim()
    .split(/\s*\n\s*/)
    .join(" ")
    .replace(/^(?:Error response from daemon: |Error: )+/, "");
  const shown = printable(line);
  return shown.startsWith('"') ? shown.slice(1, -1).replaceAll('\\"', '"') : shown;
}
