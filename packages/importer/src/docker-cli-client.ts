import { isBaseKitError, printable } from "@base-kit/core";
import {
  asDigest,
  type ClientOptions,
  type EngineClient,
  type EngineImage,
  type Listener,
  readEngineImage,
} from "./client.ts";
import { createDocker } from "./docker-program.ts";
import { type Engine, engineName } from "./engine.ts";
import { type Attempt, answerInvalid, engineSilent, NAMING, sentence } from "./engine-errors.ts";
import { watchIdle } from "./idle-watch.ts";

/** Has the docker program do everything. Tars go to its standard input; when one fails the program is killed. */
export async function openDockerCli(engine: Engine, { context, limits }: ClientOptions): Promise<EngineClient> {
  const docker = createDocker(engine, context);
  const attempting = (doing: string): Attempt => ({
    doing,
    engine: `${engineName(engine)} (through the docker program)`,
  });

  const feed = async (args: readonly string[], { doing, tar, hear }: FeedOptions) => {
    const controller = new AbortController();
    const idle = watchIdle(limits.upload, (ms) => controller.abort(engineSilent(ms, attempting(doing))));
    // While the source takes its time nothing is waited for from the engine.
    const touched = async function* () {
      idle.pause();
      for await (const chunk of tar) {
        idle.resume();
        yield chunk;
        idle.pause();
      }
      idle.allow(limits.unpacking);
    };
    const onStdoutLine = (line: string) => {
      idle.touch();
      hear(sentence(line));
    };
    try {
      const result = await docker.run(args, { doing, stdin: touched(), onStdoutLine, signal: controller.signal });
      return result.stdout.toString("utf8");
    } finally {
      idle.stop();
    }
  };

  return {
    inspect: async (name, options = {}) => {
      const doing = "looking at the image";
      try {
        const { stdout } = await docker.run(["image", "inspect", name], {
          doing,
          timeoutMs: limits.question,
          ...options,
        });
        const attempt = { ...attempting(doing), ...options };
        return inspected(stdout) ?? invalid("described it in a way that cannot be read", attempt);
      } catch (error) {
        // Docker says "no such image" or "no such object", podman "No such image" or "image not known".
        if (isBaseKitError(error) && /no such (?:image|object)|image not known/i.test(error.message)) return undefined;
        throw error;
      }
    },
    load: async (tar, hear) => {
      const doing = "loading the image";
      const said = await feed(["image", "load"], { doing, tar, hear });
      if (!/^Loaded image/m.test(said)) invalid("did not say that it loaded anything", attempting(doing));
    },
    importLayer: async (tar, { platform, changes, hear }) => {
      const doing = "importing the layer";
      const args = [
        ...(platform === undefined ? [] : ["--platform", platform]),
        ...changes.flatMap((line) => ["--change", line]),
      ];
      const said = await feed(["image", "import", ...args, "-"], { doing, tar, hear });
      // Podman's answer is printed as `sha256:…: sha256:…`.
      const [id] = /sha256:[0-9a-f]{64}/.exec(said) ?? [];
      return asDigest(id) ?? invalid("did not say which image it made", attempting(doing));
    },
    tag: async (id, { repository, tag }) => {
      const name = `${repository}:${tag}`;
      const doing = `naming the image ${printable(name)}`;
      await docker.run(["image", "tag", id, name], { doing, ...NAMING, timeoutMs: limits.question });
    },
    close: () => {},
  };
}

interface FeedOptions {
  readonly doing: string;
  readonly tar: AsyncIterable<Uint8Array>;
  readonly hear: Listener;
}

function inspected(stdout: Buffer): EngineImage | undefined {
  try {
    const answer: unknown = JSON.parse(stdout.toString("utf8"));
    return Array.isArray(answer) && answer.length === 1 ? readEngineImage(answer[0]) : undefined;
  } catch {
    return undefined;
  }
}

function invalid(why: string, attempt: Attempt): never {
  throw answerInvalid(why, attempt);
}
