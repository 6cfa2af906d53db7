import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, printingProgram, requires, startMirror } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { startFakeEngine } from "./fake-engine.ts";
import { createSandbox, type Running, type Sandbox } from "./run-cli.ts";

/** So much that every phase takes longer than it takes to send a signal. */
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
async function fromMirror(which: "index" | "minirootfs", fault: Fault): Promise<Phase> {
  const files = await copyAlpineMirror(sandbox.work("mirror"));
  const content = [files.index, files.minirootfs].map((path) => [path, readFileSync(join(files.dir, path))] as const);
  const mirror = await startMirror(Object.fromEntries(content), { faults: { [files[which]]: [fault] } });
  const running = sandbox.start(["build", "alpine:3.20", "--mirror", mirror.url, ...TO_OLD]);
  await until(() => mirror.requests.some(({ path }) => path === files[which]));
  return { running, [Symbol.asyncDispose]: mirror.close };
}

/** Runs and waits for a step, by its title, to begin. */
async function inStep(title: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Phase> {
  const running = sandbox.start(args, { env, stdin: { open: true } });
  await running.told(new RegExp(`"step\\.started"[^\n]*"title":"${title}`));
  return { running, [Symbol.asyncDispose]: async () => {} };
}

/** Into which nothing comes either: opening it would already wait. */
async function fromNamedPipe(): Promise<Phase> {
  execFileSync("mkfifo", [sandbox.work("pipe")]);
  return inStep("reading pipe", ["import", "pipe", "a", ...TO_OLD]);
}

/** Files that are read one after another, each of them at once. */
async function gathering(): Promise<Phase> {
  writeFileSync(sandbox.work("hello"), printingProgram("hello\n"), { mode: 0o755 });
  return inStep("finding what they need", ["scratch", "hello", "--with", "/usr/lib", ...TO_OLD]);
}

async function loading(importer: string): Promise<Phase> {
  const engine = await startFakeEngine(sandbox.work("engine.sock"), "stall");
  const args = ["import", large, "base-kit-test/never", "--docker-host", engine.host, "--importer", importer];
  const running = sandbox.start(args);
  await engine.loading;
  return { running, [Symbol.asyncDispose]: engine.close };
}

const ALPINE = requires("alpine-mirror").skip;
const DOCKER = requires("docker").skip;
const TAR = requires("tar").skip;

const PHASES: readonly (readonly [phase: string, skip: boolean, begin: () => Promise<Phase>])[] = [
  ["asking the mirror", ALPINE, () => fromMirror("index", { hang: "before-headers" })],
  ["downloading", ALPINE, () => fromMirror("minirootfs", { hang: 1_000_000 })],
  ["downloading slowly", ALPINE, () => fromMirror("minirootfs", { slow: { pieces: 1000, pauseMs: 50 } })],
  [
    "reading a directory",
    TAR,
    () => inStep("reading", ["import", large, "a", ...TO_OLD], { PATH: pathWithEndlessTar() }),
  ],
  [
    "packing a directory",
    TAR,
    () =>
      inStep("packing", ["pack", large, "old.tar", "--progress", "json"], { PATH: pathWithEndlessTar("sleep 1000") }),
  ],
  ["reading standard input", false, () => inStep("reading standard input", ["import", "-", "a", ...TO_OLD])],
  ["reading a named pipe", false, () => fromNamedPipe()],
  ["compressing", TAR, () => inStep("compressing the layer", ["import", large, "a", ...TO_OLD])],
  ["checking the image", TAR, () => inStep("checking", ["import", large, "a", "--compression", "none", ...TO_OLD])],
  ["writing the archive", TAR, () => inStep("writing old", ["import", large, "a", "--compression", "none", ...TO_OLD])],
  [
    "writing a layout",
    TAR,
    () =>
      inStep("writing layout", [
        ...["import", large, "a", "--compression", "none", "--progress", "json"],
        ...["-o", "oci:layout:new"],
      ]),
  ],
  ["gathering what a program needs", false, () => gathering()],
  ["loading through the Engine API", TAR, () => loading("engine-api")],
  ["loading through the docker program", TAR || DOCKER, () => loading("docker-cli")],
];

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, exitCode) => {
  test.each(PHASES.filter(([, skip]) => !skip))("while %s leaves nothing behind", async (_, __, begin) => {
    await using phase = await begin();
    phase.running.child.kill(signal);
    const outcome = await phase.running.ended;
    expect(outcome).toMatchObject({ exitCode, stdout: "" });
    expect(outcome.stderr).toContain(`stopped by ${signal} [INTERRUPTED]`);
    expect(outcome.stderr).not.toMatch(/\n {4}at |This is a bug/);
    expect(await sandbox.leftovers()).toEqual([]);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
    expect(existsSync(sandbox.work("layout"))).toBe(false);
    // A download that was cut is kept for the next time, under the checksum it has to have, and that a layer was found sound
    // while it was read; nothing else is.
    const isSoundness = (name: string) => /\/results\//.test(name) && readFileSync(name, "latin1").endsWith("sound");
    expect(kept().filter((name) => !/partial/.test(name) && !isSoundness(name))).toEqual([]);
  });
});

function kept(): readonly string[] {
  return readdirSync(join(sandbox.dir, "cache"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name));
}

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
  const stubborn = `trap "" TERM INT; touch ${sandbox.work("started")}; while :; do sleep 0.2; done`;
  const env = { PATH: pathWithEndlessTar(stubborn) };
  await using phase = await inStep("reading", ["import", large, "a", ...TO_OLD], env);
  await until(() => existsSync(sandbox.work("started")));
  const { child, ended } = phase.running;
  child.kill("SIGINT");
  await sleep(600);
  expect(child.exitCode).toBeNull();
  const before = performance.now();
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ exitCode: 130, stdout: "" });
  expect(performance.now() - before).toBeLessThan(2000);
  expect(await sandbox.leftovers()).toEqual([]);
  expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
});

test.skipIf(TAR)("what a killed build has left is swept by the next one", async () => {
  await using phase = await inStep("compressing the layer", ["import", large, "a", ...TO_OLD]);
  phase.running.child.kill("SIGKILL");
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
    const killed = sandbox.start(["import", large, "-o", "rootfs:tree"]);
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
