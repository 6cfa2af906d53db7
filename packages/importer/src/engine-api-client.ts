import { type Context, isBaseKitError, printable } from "@base-kit/core";
import { asDigest, type ClientOptions, type EngineClient, type Listener, readEngineImage } from "./client.ts";
import { connectionFailure } from "./connection-errors.ts";
import { openDockerode } from "./dockerode.ts";
import { type Engine, engineName } from "./engine.ts";
import {
  type Attempt,
  answerInvalid,
  engineLost,
  engineRefused,
  engineSilent,
  NAMING,
  sentence,
} from "./engine-errors.ts";
import type { EngineMessage } from "./json-lines.ts";
import { upload } from "./upload.ts";

/** Talks to the engine over its HTTP API: questions through dockerode, images through {@link upload}. */
export async function openEngineApi(engine: Engine, { context, limits }: ClientOptions): Promise<EngineClient> {
  const { address, apiVersion } = engine;
  if (address.type === "ssh") throw new TypeError("findEngine gives ssh to the docker program");
  let opened: ReturnType<typeof openDockerode> | undefined;
  // Loaded for the first question: where there is none before an upload, the engine has something to do meanwhile.
  const dockerode = async () => {
    opened ??= openDockerode(address, apiVersion);
    const { docker } = await opened;
    // Closing ends what was asked, not what was about to be.
    context.signal.throwIfAborted();
    return docker;
  };
  const close = (): void => {
    // That it cannot be loaded is told where it is needed.
    opened?.then(({ close }) => close()).catch(() => {});
  };
  const attempting = (doing: string): Attempt => ({ doing, engine: engineName(engine) });
  const version = /^\d+\.\d+$/.test(apiVersion) ? `/v${apiVersion}` : "";
  const common = { endpoint: address, limits, signal: context.signal };
  return {
    inspect: async (name, options = {}) => {
      const attempt = { ...attempting("looking at the image"), ...options };
      const docker = await dockerode();
      const image = docker.getImage(name).inspect().catch(notFoundAsUndefined);
      const answer = await question(image, { attempt, context, close, timeoutMs: limits.question });
      if (answer === undefined) return undefined;
      return readEngineImage(answer) ?? invalid("described it in a way that cannot be read", attempt);
    },
    load: async (tar, hear) => {
      const attempt = attempting("loading the image");
      let loaded = false;
      await upload({
        ...common,
        attempt,
        path: `${version}/images/load?quiet=0`,
        tar,
        onMessage: (message) => {
          if (/^Loaded image/.test(message.stream ?? message.status ?? "")) loaded = true;
          tell(message, hear);
        },
      });
      if (!loaded) invalid("did not say that it loaded anything", attempt);
    },
    importLayer: async (tar, { platform, changes, hear }) => {
      const attempt = attempting("importing the layer");
      const query = new URLSearchParams([
        ["fromSrc", "-"],
        ...(platform === undefined ? [] : [["platform", platform] as [string, string]]),
        ...changes.map((line) => ["changes", line] as [string, string]),
      ]);
      let last: string | undefined;
      await upload({
        ...common,
        attempt,
        path: `${version}/images/create?${query}`,
        tar,
        onMessage: (message) => {
          last = message.id ?? message.status ?? last;
          tell(message, hear);
        },
      });
      return asDigest(last) ?? invalid("did not say which image it made", attempt);
    },
    tag: async (id, { repository, tag }) => {
      const doing = `naming the image ${printable(`${repository}:${tag}`)}`;
      const attempt = { ...attempting(doing), ...NAMING };
      const options = { repo: repository, tag };
      const docker = await dockerode();
      await question(docker.getImage(id).tag(options), { attempt, context, close, timeoutMs: limits.question });
    },
    close,
  };
}

/** `Loading layer 45 %`: the engine's progress in a few words. */
function tell({ stream, status, progress }: EngineMessage, hear: Listener): void {
  const words = sentence(stream ?? status ?? "");
  if (words === "") return;
  const share = progress && progress.total > 0 ? ` ${Math.floor((100 * progress.current) / progress.total)} %` : "";
  hear(`${words}${share}`);
}

interface QuestionOptions {
  readonly attempt: Attempt;
  readonly context: Context;
  readonly close: () => void;
  readonly timeoutMs: number;
}

/** Dockerode's requests cannot be aborted one by one; closing the agent below them ends them. */
async function question<T>(answer: Promise<T>, { attempt, context, close, timeoutMs }: QuestionOptions): Promise<T> {
  const { signal } = context;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    close();
  }, timeoutMs);
  signal.addEventListener("abort", close);
  try {
    signal.throwIfAborted();
    return await answer;
  } catch (error) {
    answer.catch(() => {});
    signal.throwIfAborted();
    if (timedOut) throw engineSilent(timeoutMs, attempt);
    throw explained(error, attempt);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", close);
  }
}

/** docker-modem's errors have `statusCode` and `json` when there was an answer. */
function explained(error: unknown, attempt: Attempt): unknown {
  if (isBaseKitError(error) || !(error instanceof Error)) return error;
  const { statusCode, json } = error as ModemError;
  if (statusCode === undefined) return engineLost(connectionFailure(error).why, attempt, error);
  const message = typeof json === "object" && json !== null && "message" in json ? String(json.message) : String(json);
  return engineRefused(`HTTP ${statusCode} ${message}`, attempt);
}

function notFoundAsUndefined(error: unknown): undefined {
  if ((error as ModemError).statusCode !== 404) throw error;
}

interface ModemError {
  readonly statusCode?: number;
  readonly json?: unknown;
}

function invalid(why: string, attempt: Attempt): never {
  throw answerInvalid(why, attempt);
}
