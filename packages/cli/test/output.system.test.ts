import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locationOf, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { BASE_KIT, createSandbox, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
  mkdirSync(sandbox.work("tree/etc"), { recursive: true });
  writeFileSync(sandbox.work("tree/etc/hostname"), "box\n");
});
afterEach(() => sandbox.dispose());

const DIGEST = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const IMAGE = z.strictObject({
  references: z.array(z.string()).min(1),
  id: DIGEST,
  size: z.int().positive(),
  platform: z.string().regex(/^linux\//),
  created: z.int(),
  diffIds: z.array(DIGEST).length(1),
  images: z
    .array(
      z.strictObject({
        platform: z.string().regex(/^linux\//),
        config: DIGEST,
        manifest: DIGEST,
        diffIds: z.array(DIGEST).length(1),
      }),
    )
    .length(1),
  outputs: z.array(z.strictObject({ to: z.string(), references: z.array(z.string()), id: DIGEST, size: z.int() })),
  run: z.string(),
});
const PACKED = z.strictObject({ file: z.string(), size: z.int().positive(), digest: DIGEST });
const PRODUCERS = z.array(z.object({ name: z.string(), summary: z.string(), releases: z.array(z.string()) })).min(2);
const DOCTOR = z.object({
  engines: z.array(z.object({ place: z.string() })),
  sandboxes: z.array(z.object({ name: z.string(), found: z.boolean() })).length(5),
  tools: z.array(z.object({ name: z.string() })),
});

const TREE_TO_ARCHIVE = ["import", "tree", "demo/tree", "-o", "docker-archive:tree.tar"];

describe("standard output", () => {
  test.each([
    [TREE_TO_ARCHIVE, IMAGE],
    [["pack", "tree", "packed.tar"], PACKED],
    [["producers"], PRODUCERS],
    [["doctor"], DOCTOR],
  ])("of %j --json is one object, on one line", async (args, schema) => {
    const { exitCode, stdout } = await sandbox.run([...args, "--json"]);
    expect(exitCode).toBe(0);
    expect(stdout.match(/\n/g)).toHaveLength(1);
    schema.parse(JSON.parse(stdout));
  });

  test("has name, id, size and a command to try, and nothing else", async () => {
    const { stdout } = await sandbox.run(TREE_TO_ARCHIVE);
    expect(stdout).toMatch(
      /^image tree\.tar\nid {4}sha256:[0-9a-f]{64}\nsize {2}[\d.]+ k?B, linux\/\w+\ntry {3}docker load -i tree\.tar\n$/,
    );
  });

  test.each([[["--version"]], [["--help"]], [["build", "--help"]], [["producers", "alpine"]]])(
    "takes the answer of %j",
    async (args) => {
      const outcome = await sandbox.run(args);
      expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
      expect(outcome.stdout.length).toBeGreaterThan(4);
    },
  );

  test("stays empty when something fails, also with --json", async () => {
    for (const more of [[], ["--json"], ["--quiet"]]) {
      const outcome = await sandbox.run(["import", "no-such-tree", "demo/tree", "-o", "tar:x.tar", ...more]);
      expect(outcome).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringMatching(/^error: .*no-such-tree/),
      });
    }
  });

  test("may be closed early", async () => {
    writeFileSync(sandbox.work("tree/large"), Buffer.alloc(3_000_000, 1));
    const script = '{ "$0" "$1" pack tree - 2>err; echo $? >code; } | head -c 1 >head';
    execFileSync("sh", ["-c", script, process.execPath, BASE_KIT], {
      cwd: sandbox.work(""),
      env: {
        ...process.env,
        HOME: sandbox.dir,
        TMPDIR: join(sandbox.dir, "tmp"),
        XDG_CACHE_HOME: join(sandbox.dir, "cache"),
      },
    });
    const read = (name: string) => readFileSync(sandbox.work(name), "utf8");
    expect({ code: read("code"), head: read("head") }).toEqual({ code: "0\n", head: "." });
    expect(read("err")).not.toMatch(/EPIPE|bug/);
    expect(await sandbox.leftovers()).toEqual([]);
  });
});

describe("standard error", () => {
  test("has a line with its time for each step, and no escape sequences, in a log", async () => {
    const { stderr } = await sandbox.run(TREE_TO_ARCHIVE);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(4);
    for (const line of lines) expect(line).toMatch(/^[ -~]+ \([\d.]+ m?s\)$/);
  });

  test("has one event a line with --progress json", async () => {
    const { stderr, stdout } = await sandbox.run([...TREE_TO_ARCHIVE, "--progress", "json", "--json"]);
    const events = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const titles = (type: string) => events.filter((event) => event.type === type).map(({ title }) => title);
    expect(titles("step.ended")).toHaveLength(titles("step.started").length);
    expect(titles("step.ended").sort()).toEqual(titles("step.started").sort());
    IMAGE.parse(JSON.parse(stdout));
  });

  test("is empty with --quiet, and so is standard output", async () => {
    expect(await sandbox.run([...TREE_TO_ARCHIVE, "--quiet"])).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    expect(await sandbox.run(["pack", "tree", "p.tar", "-q"])).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("shows bars on a terminal, and erases them", async () => {
    writeFileSync(sandbox.work("tree/large"), Buffer.alloc(30_000_000, "noise"));
    // Compressing takes long enough to be seen.
    const { code, screen } = await inTerminal(TREE_TO_ARCHIVE);
    expect(code).toBe(0);
    expect(screen).toContain("━━");
    expect(screen).toMatch(/\d+ %/);
    expect(screen).toContain("✓");
    expect(screen).toContain("\u001b[0J");
    // Everything after the last erasing is what stays.
    expect(screen.slice(screen.lastIndexOf("\u001b[0J"))).not.toContain("━");
    const plain = await inTerminal([...TREE_TO_ARCHIVE, "--progress", "plain"]);
    expect(plain.screen).not.toContain("\u001b");
  });

  test.each([
    [["pack", "tree", "-"], "STDOUT_IS_TERMINAL"],
    [["import", "tree", "-o", "docker-archive:-"], "STDOUT_IS_TERMINAL"],
    [["import", "-", "-o", "tar:x.tar"], "IMPORT_FROM_TERMINAL"],
  ])("a tar has no business with a terminal: %j", async (args, refusal) => {
    const { code, screen } = await inTerminal(args);
    expect(code).toBe(2);
    expect(screen).toContain(`[${refusal}]`);
  });
});

/** Runs base-kit with a terminal for all its streams: script(1) makes one. */
async function inTerminal(args: readonly string[]): Promise<{ readonly code: number | null; readonly screen: string }> {
  const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;
  const command = [process.execPath, BASE_KIT, ...args].map(quoted).join(" ");
  const env = { HOME: sandbox.dir, TMPDIR: join(sandbox.dir, "tmp"), XDG_CACHE_HOME: join(sandbox.dir, "cache") };
  const { CI: _, NO_COLOR: __, ...inherited } = process.env;
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd: sandbox.work(""),
    env: { ...inherited, ...env, TERM: "xterm", SHELL: "/bin/sh" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, screen };
}

test("doctor tells what is missing and what it would enable, and where engines were looked for", async () => {
  const nowhere = { PATH: sandbox.work("tree"), DOCKER_HOST: "unix:///nonexistent/docker.sock" };
  const { exitCode, stdout } = await sandbox.run(["doctor"], { env: nowhere });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^node v\d+.* on \w+\/\w+/);
  expect(stdout).toMatch(/missing .*unix:\/\/\/nonexistent\/docker\.sock .*no such file/);
  expect(stdout).toMatch(/missing +docker +for /);
  expect(stdout).toMatch(/refused +container +.*program docker was not found/);
});

test.skipIf(requires("docker", "debootstrap", "tar").skip)("doctor tells what is there, with its version", async () => {
  const { exitCode, stdout } = await sandbox.run(["doctor"]);
  expect(exitCode).toBe(0);
  const said = (program: string, ...args: readonly string[]) =>
    execFileSync(program, args, { encoding: "utf8" }).trim();
  const engine = said("docker", "version", "--format", "{{.Server.Version}}, API {{.Server.APIVersion}}");
  const line = stdout.split("\n").find((each) => /^ *found +DOCKER_HOST/.test(each));
  expect(line).toContain(`${locationOf("docker")}: docker ${engine}`);
  expect(stdout).toContain(`found    debootstrap   ${said("debootstrap", "--version").split(" ")[1]}; for `);
  expect(stdout).toContain(`found    tar           ${/[\d.]+$/m.exec(said("tar", "--version"))?.[0]}; for `);
});

describe.skipIf(requires("docker").skip)("the command that is shown to try an image", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test("works when it is typed", async () => {
    const name = images.fresh();
    const { run } = await sandbox.json<{ readonly run: string }>([
      ...["import", "tree", "-t", name, "-o", "docker-archive:tree.tar"],
    ]);
    const [program, ...args] = run.split(" ");
    expect(program).toBe("docker");
    execFileSync("docker", args, { cwd: sandbox.work("") });
    expect(images.inspect(name).RootFS.Layers).toHaveLength(1);
    const loaded = await sandbox.json<{ readonly run: string }>(["import", "tree", "-t", name]);
    expect(loaded.run).toBe(`docker run --rm -it ${name}`);
  });
});

describe("an image in a pipe", () => {
  test.each(["docker-archive", "oci-archive", "tar"])("has the bytes of the file: %s", async (transport) => {
    const to = (file: string) => ["import", "tree", "demo/tree", "-o", `${transport}:${file}`];
    const piped = await sandbox.run(to("-"));
    expect(piped).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("writing to standard output") });
    await sandbox.json(to("same.tar"));
    expect(piped.bytes.equals(readFileSync(sandbox.work("same.tar")))).toBe(true);
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("may be one of several outputs, and have a name", async () => {
    const outputs = (file: string) => ["-o", `docker-archive:${file}:demo/piped:1`, "-o", "oci:layout:x"];
    const { bytes } = await sandbox.run(["import", "tree", ...outputs("-")]);
    writeFileSync(sandbox.work("piped.tar"), bytes);
    await sandbox.json(["import", "tree", ...outputs("named.tar")]);
    expect(bytes.equals(readFileSync(sandbox.work("named.tar")))).toBe(true);
    const same = ["diff", "piped.tar", "oci:layout:x", "--quiet"];
    expect(await sandbox.run(same)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test.each<[string[], string]>([
    [["import", "tree", "-o", "tar:-", "-o", "oci-archive:-"], "OPTION_INVALID"],
    [["import", "tree", "-o", "tar:-", "--json"], "STDOUT_TWICE"],
    [["copy", "image.tar", "docker-archive:-"], "OUTPUT_INVALID"],
  ])("is refused before anything is done: %j", async (args, code) => {
    expect(await sandbox.run(args)).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(code) });
  });

  test("is no failure where whoever reads has seen enough", () => {
    const command = 'set -o pipefail; "$0" "$@" | head --bytes=100 | wc --bytes';
    const argv = ["-c", command, process.execPath, BASE_KIT, "import", sandbox.work("tree"), "-o", "docker-archive:-"];
    const { status, stdout, stderr } = spawnSync("bash", argv, { encoding: "utf8" });
    expect({ status, stdout: stdout.trim(), errors: stderr.match(/^error: /gm) }).toEqual({
      status: 0,
      stdout: "100",
      errors: null,
    });
  });

  test.skipIf(requires("docker").skip)("is what docker load reads", () => {
    const images = testImages();
    try {
      const name = images.fresh();
      const argv = ["import", sandbox.work("tree"), name, "-o", "docker-archive:-"];
      const command = '"$0" "$@" | docker load';
      const loaded = spawnSync("sh", ["-c", command, process.execPath, BASE_KIT, ...argv], { encoding: "utf8" });
      expect(loaded.stdout).toContain(`Loaded image: ${name}`);
      expect(images.inspect(name).RootFS.Layers).toHaveLength(1);
    } finally {
      images.remove();
    }
  });
});

test.skipIf(process.platform !== "linux")("that standard output is full is told once", () => {
  const command = 'exec "$0" "$@" > /dev/full';
  const argv = ["-c", command, process.execPath, BASE_KIT, "pack", sandbox.work("tree"), "-"];
  const { status, stderr } = spawnSync("sh", argv, { encoding: "utf8" });
  expect(status).toBe(5);
  expect(stderr.match(/^error: /gm)).toHaveLength(1);
});
