import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { locationOf, requires } from "@base-kit/testing";

/** What users run: the compiled program. `npm test` compiles first, `node tools/ready.mjs` does so by hand. */
export const BASE_KIT: string = fileURLToPath(new URL("../bin/base-kit.js", import.meta.url));

/** Root as containers have it: what file modes forbid is forbidden. */
export const WITHOUT_CAPABILITIES: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] : [];

/** For `env`: forty days from now, as far as base-kit can tell. */
export const FORTY_DAYS_LATER: Readonly<Record<string, string>> = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`
    const Now = Date, late = 40 * 24 * 3600 * 1000;
    globalThis.Date = class extends Now {
      constructor(...given) { given.length > 0 ? super(...given) : super(Now.now() + late); }
      static now() { return Now.now() + late; }
    };`)}`,
};

export interface RunOptions {
  /** @default the sandbox's `work` folder */
  readonly cwd?: string;
  /** Over the sandbox's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `open` is a pipe into which nothing ever comes. */
  readonly stdin?: string | Uint8Array | { readonly open: true };
  /** A program with arguments that runs base-kit: `["setpriv", …]`. */
  readonly through?: readonly string[];
}

export interface Outcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** The same, as it came. */
  readonly bytes: Buffer;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when standard error so far fits; rejects when the program ends before. */
  told(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Outcome>;
}

/** Folders of its own for one test, and base-kit with nothing but them: its cache, temporary files, HOME. */
export interface Sandbox {
  readonly dir: string;
  /** A path in the folder where base-kit runs. */
  work(name: string): string;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  start(args: readonly string[], options?: RunOptions): Running;
  /** Runs, expects success, and reads the one JSON object of `--json`. */
  json<T>(args: readonly string[], options?: RunOptions): Promise<T>;
  /** Temporary files, processes and mounts that base-kit left behind. */
  leftovers(): Promise<readonly string[]>;
  dispose(): void;
}

export function createSandbox(): Sandbox {
  // Short: the path of a socket has at most 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), "bk-cli-"));
  const inside = (name: string) => join(dir, name);
  for (const name of ["work", "cache", "tmp", "home"]) mkdirSync(inside(name));
  const { CI: _, SOURCE_DATE_EPOCH: __, DOCKER_CONTEXT: ___, ...inherited } = process.env;
  const environment: NodeJS.ProcessEnv = {
    ...inherited,
    HOME: inside("home"),
    TMPDIR: inside("tmp"),
    XDG_CACHE_HOME: inside("cache"),
    XDG_CONFIG_HOME: inside("home"),
    XDG_RUNTIME_DIR: inside("home"),
    ...(requires("docker").skip ? {} : { DOCKER_HOST: locationOf("docker") }),
  };

  const running = new Set<ChildProcess>();
  const start = (args: readonly string[], options: RunOptions = {}): Running => {
    const [file = "", ...rest] = [...(options.through ?? []), process.execPath, BASE_KIT, ...args];
    const child = spawn(file, rest, {
      cwd: options.cwd ?? inside("work"),
      env: { ...environment, ...options.env },
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    // It may refuse before it has read all.
    child.stdin?.on("error", () => {});
    if (typeof options.stdin === "string" || options.stdin instanceof Uint8Array) child.stdin?.end(options.stdin);
    running.add(child);
    child.once("close", () => running.delete(child));
    return follow(child);
  };
  const run = (args: readonly string[], options?: RunOptions) => start(args, options).ended;
  return {
    dir,
    work: (name) => join(inside("work"), name),
    start,
    run,
    json: async (args, options) => {
      const outcome = await run([...args, "--json"], options);
      if (outcome.exitCode !== 0)
        throw new Error(`base-kit ${args.join(" ")}: exit ${outcome.exitCode}\n${outcome.stderr}`);
      return JSON.parse(outcome.stdout);
    },
    leftovers: async () => [...(await temporaries(dir)), ...(await processes(dir)), ...mounts(dir)],
    dispose: () => {
      const mounted = mounts(dir);
      if (mounted.length > 0) throw new Error(`not removing ${dir}: ${mounted.join(", ")}`);
      // Of a test that failed.
      for (const child of running) child.kill("SIGKILL");
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

function follow(child: ChildProcess): Running {
  const stdout: Buffer[] = [];
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const look of waiting) look();
  });
  let over = false;
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => {
      over = true;
      for (const look of waiting) look();
      const bytes = Buffer.concat(stdout);
      resolve({ exitCode, bytes, stdout: bytes.toString(), stderr });
    });
  });
  const told = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(stderr)) resolve();
        else if (over) reject(new Error(`base-kit ended without telling ${pattern}:\n${stderr}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  return { child, told, ended };
}

async function temporaries(dir: string): Promise<readonly string[]> {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.tmp-|(?:^|\/)base-kit-\d+-|^tmp\/./.test(name));
}

/** Processes that know the sandbox. The kernel may need a moment to end what was killed. */
async function processes(dir: string): Promise<readonly string[]> {
  let found: readonly string[] = [];
  for (let waited = 0; waited < 20_000; waited += 50) {
    found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && knows(name, dir));
    if (found.length === 0) return [];
    await sleep(50);
  }
  return found.map((pid) => `process ${pid}: ${readOrNothing(() => readFileSync(`/proc/${pid}/cmdline`, "latin1"))}`);
}

function knows(pid: string, dir: string): boolean {
  return ["environ", "cmdline", "mountinfo"]
    .map((file) => readOrNothing(() => readFileSync(`/proc/${pid}/${file}`, "latin1")))
    .concat(["root", "cwd"].map((link) => readOrNothing(() => readlinkSync(`/proc/${pid}/${link}`))))
    .some((text) => text.includes(`${dir}/`));
}

function mounts(dir: string): readonly string[] {
  const table = readOrNothing(() => readFileSync("/proc/self/mountinfo", "utf8"));
  return table
    .split("\n")
    .filter((line) => line.includes(` ${dir}/`))
    .map((line) => `mount ${relative(dir, line)}`);
}

function readOrNothing(read: () => string): string {
  try {
    return read();
  } catch {
    // It ended meanwhile, or is a kernel thread.
    return "";
  }
}
