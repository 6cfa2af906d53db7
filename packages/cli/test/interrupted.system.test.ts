import { execFileSync, spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, locationOf, printingProgram, requires, startEngineProxy, startMirror } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { startFakeEngine } from "./fake-engine.ts";
import { createSandbox, type Running, type Sandbox } from "./run-cli.ts";

/** So much that no phase is over at once. */
const LARGE = 100_000_000;

let sandbox: Sandbox;
let large: string;
beforeAll(() => {
  large = mkdtempSync(join(tmpdir(), "bk-large-"));
  writeFileSync(join(large, "noise"), randomFillSync(Buffer.alloc(LARGE)));
});
afterAll(() => rmSync(large, { recursive: true }));
beforeEach(() => {
  sandbox = createSandbox();
  writeFileSync(sandbox.work("old.tar"), "old");
});
afterEach(() => sandbox.dispose());

/** A `tar` that never comes to its end, and what it started with it. */
function pathWithEndlessTar(script = "head -c 1000000 /dev/zero; sleep 1000"): string {
  return pathWithTar(script);
}

function pathWithTar(script: string): string {
  const bin = sandbox.work("bin");
  mkdirSync(bin);
  const text = `#!/bin/sh\nif [ "$*" = --version ]; then echo "tar (GNU tar) 1.34"; exit; fi\n${script}\n`;
  writeFileSync(join(bin, "tar"), text, { mode: 0o755 });
  return `${bin}${delimiter}${process.env["PATH"]}`;
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 100_000) throw new Error(`still waiting for ${condition}`);
    await sleep(10);
  }
}

interface Phase extends AsyncDisposable {
  readonly running: Running;
}

const TO_OLD = ["-o", "docker-archive:old.tar", "--progress", "json"];

/** Builds Alpine from a mirror that fails at one of its files. */
async function fromMirror(which: "index" | "minirootfs", fault: Fault, signal: NodeJS.Signals): Promise<Phase> {
  const files = await copyAlpineMirror(sandbox.work("mirror"));
  const content = [files.index, files.minirootfs].map((path) => [path, readFileSync(join(files.dir, path))] as const);
  const mirror = await startMirror(Object.fromEntries(content), { faults: { [files[which]]: [fault] } });
  const running = sandbox.start(["build", "alpine:3.20", "--mirror", mirror.url, ...TO_OLD]);
  await until(() => mirror.requests.some(({ path }) => path === files[which]));
  running.child.kill(signal);
  return { running, [Symbol.asyncDispose]: mirror.close };
}

interface InStepOptions {
  /** Sent when the step has begun. */
  readonly signal?: NodeJS.Signals;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs and waits for a step, by its title, to begin. */
async function inStep(title: string, args: readonly string[], { signal, env }: InStepOptions = {}): Promise<Phase> {
  const begun = new RegExp(`"step\\.started"[^\n]*"title":"${title}`);
  const signalled = signal === undefined ? {} : signalledAfter(begun, signal);
  const running = sandbox.start(args, { env: { ...env, ...signalled }, stdin: { open: true } });
  await running.told(begun);
  return { running, [Symbol.asyncDispose]: async () => {} };
}

/** For `env`. It is base-kit's own process that sends it: another one may come too late on a busy machine. */
function signalledAfter(told: RegExp, signal: NodeJS.Signals): NodeJS.ProcessEnv {
  const script = `
    const { write } = process.stderr;
    process.stderr.write = function (text, ...more) {
      if (${told}.test(text)) setTimeout(() => process.kill(process.pid, ${JSON.stringify(signal)}), 5);
      return Reflect.apply(write, this, [text, ...more]);
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
}

/** Into which nothing comes either: opening it would already wait. */
async function fromNamedPipe(signal: NodeJS.Signals): Promise<Phase> {
  execFileSync("mkfifo", [sandbox.work("pipe")]);
  return inStep("reading pipe", ["import", "pipe", "a", ...TO_OLD], { signal });
}

/** Files that are read one after another, each of them at once. */
async function gathering(signal: NodeJS.Signals): Promise<Phase> {
  writeFileSync(sandbox.work("hello"), printingProgram("hello\n"), { mode: 0o755 });
  return inStep("finding what they need", ["scratch", "hello", "--with", "/usr/lib", ...TO_OLD], { signal });
}

async function loading(importer: string, signal: NodeJS.Signals): Promise<Phase> {
  const engine = await startFakeEngine(sandbox.work("engine.sock"), "stall");
  const args = ["import", large, "base-kit-test/never", "--docker-host", engine.host, "--importer", importer];
  const running = sandbox.start(args);
  await engine.loading;
  running.child.kill(signal);
  return { running, [Symbol.asyncDispose]: engine.close };
}

const ALPINE = requires("alpine-mirror").skip;
const DOCKER = requires("docker").skip;
const TAR = requires("tar").skip;
const TAR_PROGRAM = spawnSync("sh", ["-c", "command -v tar"], { encoding: "utf8" }).stdout.trim();

const PHASES: readonly (readonly [
  phase: string,
  skip: boolean,
  beginAndStop: (signal: NodeJS.Signals) => Promise<Phase>,
])[] = [
  ["asking the mirror", ALPINE, (signal) => fromMirror("index", { hang: "before-headers" }, signal)],
  ["downloading", ALPINE, (signal) => fromMirror("minirootfs", { hang: 1_000_000 }, signal)],
  ["downloading slowly", ALPINE, (signal) => fromMirror("minirootfs", { slow: { pieces: 1000, pauseMs: 50 } }, signal)],
  [
    "reading a directory",
    TAR,
    (signal) => inStep("reading", ["import", large, "a", ...TO_OLD], { signal, env: { PATH: pathWithEndlessTar() } }),
  ],
  [
    "packing a directory",
    TAR,
    (signal) =>
      inStep("packing", ["pack", large, "old.tar", "--progress", "json"], {
        signal,
        env: { PATH: pathWithEndlessTar("sleep 1000") },
      }),
  ],
  [
    "reading standard input",
    false,
    (signal) => inStep("reading standard input", ["import", "-", "a", ...TO_OLD], { signal }),
  ],
  ["reading a named pipe", false, (signal) => fromNamedPipe(signal)],
  ["compressing", TAR, (signal) => inStep("compressing the layer", ["import", large, "a", ...TO_OLD], { signal })],
  [
    "checking the image",
    TAR,
    (signal) => inStep("checking", ["import", large, "a", "--compression", "none", ...TO_OLD], { signal }),
  ],
  [
    "writing the archive",
    TAR,
    (signal) => inStep("writing old", ["import", large, "a", "--compression", "none", ...TO_OLD], { signal }),
  ],
  [
    "writing a layout",
    TAR,
    (signal) =>
      inStep(
        "writing layout",
        ["import", large, "a", "--compression", "none", "--progress", "json", "-o", "oci:layout:new"],
        { signal },
      ),
  ],
  ["gathering what a program needs", false, (signal) => gathering(signal)],
  ["loading through the Engine API", TAR, (signal) => loading("engine-api", signal)],
  ["loading through the docker program", TAR || DOCKER, (signal) => loading("docker-cli", signal)],
];

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, exitCode) => {
  test.each(PHASES.filter(([, skip]) => !skip))("while %s leaves nothing behind", async (_, __, beginAndStop) => {
    await using phase = await beginAndStop(signal);
    const outcome = await phase.running.ended;
    expect(outcome).toMatchObject({ exitCode, stdout: "" });
    expect(outcome.stderr).toContain(`stopped by ${signal} [INTERRUPTED]`);
    expect(outcome.stderr).not.toMatch(/\n {4}at |This is a bug/);
    expect(await sandbox.leftovers()).toEqual([]);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
    expect(existsSync(sandbox.work("layout"))).toBe(false);
    // A download that was cut is kept for the next time, under the checksum it has to have, and what is known of bytes that were read
    // to their end: that a layer is sound, what a list of releases says, which program is GNU tar. Nothing else is.
    const isKnowledge = (name: string) =>
      /\/results\//.test(name) && /sound$|GNU tar$|\{"branch":"v3\.20"/.test(readFileSync(name, "latin1"));
    expect(kept().filter((name) => !/partial/.test(name) && !isKnowledge(name))).toEqual([]);
  });
});

function kept(): readonly string[] {
  return readdirSync(join(sandbox.dir, "cache"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name));
}

describe.skipIf(DOCKER || TAR)("Ctrl-C that comes too late", () => {
  const name = `base-kit-test/interrupted-${process.pid}`;
  const named = () =>
    execFileSync("docker", ["image", "inspect", "--format={{json .RepoTags}}", name], { encoding: "utf8" }).trim();
  beforeEach(() => {
    mkdirSync(sandbox.work("small"));
    writeFileSync(sandbox.work("small/noise"), randomFillSync(Buffer.alloc(1000)));
  });
  afterEach(() => spawnSync("docker", ["image", "rm", "--force", name, `${name}:second`]));

  interface Moment {
    readonly call: RegExp;
    /** Otherwise when the engine has answered. */
    readonly before?: boolean;
  }

  /** Sent at a moment, which lasts until base-kit has ended or has had no use for the signal. */
  async function interrupted(args: readonly string[], { call, before = false }: Moment) {
    const interrupt = async (made: string) => {
      if (!call.test(made)) return;
      running.child.kill("SIGINT");
      await Promise.race([running.ended, sleep(300)]);
    };
    const proxy = await startEngineProxy(sandbox.dir, locationOf("docker") ?? "", {
      [before ? "before" : "after"]: interrupt,
    });
    const running = sandbox.start(args, { env: { DOCKER_HOST: proxy.host } });
    const outcome = await running.ended;
    proxy.close();
    expect(outcome.exitCode).toBe(130);
    expect(await sandbox.leftovers()).toEqual([]);
    return outcome;
  }

  test.each<[importer: string, what: string, moment: Moment]>([
    ["engine-api", "while it is named", { call: /^POST .*\/tag\?.*tag=latest/ }],
    ["engine-api", "when it has been named", { call: /^GET \/images\/base-kit-test/, before: true }],
    ["docker-cli", "while it is named", { call: /^POST .*\/tag\?.*tag=latest/ }],
  ])("for an image that is loaded by %s, %s, tells that it is there", async (importer, _, moment) => {
    const args = ["import", "small", name, "--tag", `${name}:second`, "--importer", importer];
    const { stdout, stderr } = await interrupted(args, moment);
    expect({ stdout, named: named() }).toEqual({ stdout: "", named: `["${name}:latest"]` });
    expect(stderr).toContain("stopped by SIGINT [INTERRUPTED]\nIt came too late for docker at ");
    expect(stderr).toContain(`: the image is there as ${name}:latest. Nothing else was left behind.`);
  });

  test("for all that was asked for, has the result told", async () => {
    const { stdout, stderr } = await interrupted(["import", "small", name], { call: /^DELETE /, before: true });
    expect(stdout).toContain(`image ${name}:latest\n`);
    expect(stderr).not.toContain("INTERRUPTED");
  });

  test("for one of several outputs tells which are finished", async () => {
    const outputs = ["-o", "docker-archive:old.tar", "-o", `docker-daemon:${name}`];
    const loading = { call: /^POST \/images\/create/ };
    expect((await interrupted(["import", "small", ...outputs], loading)).stderr).toContain(
      "stopped by SIGINT [INTERRUPTED]\nWhat was finished before that is there: old.tar.\n",
    );
    expect(execFileSync("tar", ["-tf", sandbox.work("old.tar")]).toString()).toContain("manifest.json\n");
    const naming = { call: /^POST .*\/tag/ };
    expect((await interrupted(["import", "small", ...outputs], naming)).stderr).toMatch(
      /What was finished before that is there: old\.tar\. It came too late for docker at .*: the image is there as /,
    );
  });
});

test.skipIf(TAR)("writing to a pipe that nobody reads is given up", async () => {
  await using phase = await inStep("packing", ["pack", large, "-", "--progress", "json"]);
  const { child, ended, told } = phase.running;
  child.stdout?.pause();
  await told(/"step\.progressed"/);
  child.kill("SIGTERM");
  child.once("exit", () => child.stdout?.resume());
  const { exitCode, bytes, stderr } = await ended;
  expect({ exitCode, whole: bytes.length > LARGE }).toEqual({ exitCode: 143, whole: false });
  expect(stderr).toContain("[INTERRUPTED]");
  expect(await sandbox.leftovers()).toEqual([]);
});

test.skipIf(TAR)("a second Ctrl-C ends at once what does not want to end", async () => {
  const touch = (name: string) => `touch ${sandbox.work(name)}`;
  const stubborn = `trap "${touch("asked")}" TERM; ${touch("started")}; while :; do sleep 0.2; done`;
  const env = { PATH: pathWithEndlessTar(stubborn) };
  await using phase = await inStep("reading", ["import", large, "a", ...TO_OLD], { env });
  await until(() => existsSync(sandbox.work("started")));
  const { child, ended } = phase.running;
  child.kill("SIGINT");
  await until(() => existsSync(sandbox.work("asked")));
  // Sooner, it would be the same key press heard twice.
  await sleep(600);
  expect(child.exitCode).toBeNull();
  child.kill("SIGINT");
  // Whose end was waited for says so.
  expect(await ended).toMatchObject({ exitCode: 130, stdout: "", stderr: expect.not.stringContaining("INTERRUPTED") });
  expect(await sandbox.leftovers()).toEqual([]);
  expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
});

test.skipIf(TAR)("what a killed build has left is swept by the next one", async () => {
  await using phase = await inStep("compressing the layer", ["import", large, "a", ...TO_OLD], { signal: "SIGKILL" });
  expect(await phase.running.ended).toMatchObject({ exitCode: null });
  expect((await sandbox.leftovers()).length).toBeGreaterThan(0);
  expect(await sandbox.run(["import", large, "a", "-o", "tar:new.tar"])).toMatchObject({ exitCode: 0 });
  expect(await sandbox.leftovers()).toEqual([]);
  expect(execFileSync("tar", ["-tf", sandbox.work("new.tar")]).toString()).toBe("./\nnoise\n");
});

test.skipIf(TAR)(
  "a directory that was half written when base-kit was killed goes with the next build of it",
  async () => {
    const halves = () => readdirSync(sandbox.work("")).filter((name) => name.startsWith(".tree.tmp-"));
    // It does not get to the end of writing, but ends when base-kit does.
    const halting = `case "$*" in *--extract*) while kill -0 $PPID; do sleep 0.1; done; exit;; esac; exec ${TAR_PROGRAM} "$@"`;
    const killed = sandbox.start(["import", large, "-o", "rootfs:tree"], { env: { PATH: pathWithTar(halting) } });
    await until(() => halves().length > 0);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(halves()).toHaveLength(1);
    mkdirSync(sandbox.work("small/etc"), { recursive: true });
    expect(await sandbox.run(["import", "small", "-o", "rootfs:tree"])).toMatchObject({ exitCode: 0 });
    expect(readdirSync(sandbox.work("tree"))).toEqual(["etc"]);
    expect(halves()).toEqual([]);
  },
);
