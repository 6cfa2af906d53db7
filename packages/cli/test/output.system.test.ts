import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { locationOf, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { BASE_KIT, createSandbox, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";
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
  sboms: z.array(z.string()),
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

test("doctor shows what a program says of itself, and lets it do nothing to the terminal", async () => {
  const bin = sandbox.work("bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "debootstrap"), "#!/bin/sh\nprintf 'debootstrap 1.0\\033[2J beta\\n'\n", { mode: 0o755 });
  const { stdout } = await sandbox.run(["doctor"], { env: { PATH: `${bin}:${process.env["PATH"]}` } });
  expect(stdout).toContain(String.raw`found    debootstrap   "1.0\x1b[2J" beta; for `);
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
      ...["import", "tree", "-t", name, "-o", "docker-archive:it's a\ntree.tar"],
    ]);
    expect(run).toMatch(/^docker load /);
    execFileSync("bash", ["-c", run], { cwd: sandbox.work("") });
    expect(images.inspect(name).RootFS.Layers).toHaveLength(1);
    const loaded = await sandbox.json<{ readonly run: string }>(["import", "tree", "-t", name]);
    expect(loaded.run).toBe(`docker run --rm -it ${name}`);
  });
});

const NAMES = ["tree.out", "my tree", "it's", "a\nb", "\u001b[31mred", "-x", "a:b", "$(touch caught)", "~", "größe"];

describe.each(["tar", "rootfs"])("an output with any name: %s", (transport) => {
  test.each(NAMES)("%j is told as one harmless line, with a command that a shell takes", async (name) => {
    const { exitCode, stdout } = await sandbox.run(["import", "tree", "-o", `${transport}:${name}`]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^image [^\p{Cc}]+\nid {4}[^\p{Cc}]+\nsize {2}[^\p{Cc}]+\ntry {3}[^\p{Cc}]+\n$/u);
    const command = stdout.slice(stdout.indexOf("\ntry   ") + 7);
    const seen = execFileSync("bash", ["-c", command], { cwd: sandbox.work(""), encoding: "utf8" });
    expect(seen).toMatch(/etc/);
    expect(existsSync(sandbox.work("caught"))).toBe(false);
  });
});

test("pack tells the name of its file as one harmless line", async () => {
  const { stdout } = await sandbox.run(["pack", "tree", "a\n\u001b[31m.tar"]);
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64} {2}"a\\n\\x1b\[31m\.tar"\n$/);
});

test.each(["docker-archive", "oci-archive", "tar"])("where no file can be, none is made: %s", async (transport) => {
  mkdirSync(sandbox.work("folder"));
  execFileSync("mkfifo", [sandbox.work("pipe")]);
  const to = (file: string) => ["import", "tree", "-o", `${transport}:${file}`];
  for (const [file, why] of [
    ["no/such/x.tar", "there is no folder no/such"],
    ["tree/etc/hostname/x.tar", "tree/etc/hostname is not a folder"],
    ["folder", "a directory is there"],
    ["pipe", "a named pipe is there"],
  ] as const) {
    const { exitCode, stderr } = await sandbox.run(to(file));
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: expect.stringContaining(`: ${why}`) });
    expect(stderr).toMatch(/^error: cannot write /);
    const copied = await sandbox.run(["copy", "docker://127.0.0.1:1/x", `${transport}:${file}`]);
    expect(copied).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/^error: cannot write /) });
  }
  expect(await sandbox.run([...to("layout/x.tar"), "-o", "oci:layout:x"])).toMatchObject({ exitCode: 5 });
  expect(await sandbox.run(["import", "tree", "-o", "oci:layout:x", "-o", `${transport}:layout/x.tar`])).toMatchObject({
    exitCode: 0,
  });
});

describe("a place where an output cannot be", () => {
  beforeEach(() => {
    writeFileSync(sandbox.work("file"), "mine");
    symlinkSync("nothing", sandbox.work("nowhere"));
    mkdirSync(sandbox.work("strange/index.json"), { recursive: true });
    mkdirSync(sandbox.work("other"));
    writeFileSync(sandbox.work("other/index.json"), "not an index");
    mkdirSync(sandbox.work("locked/empty"), { recursive: true });
    chmodSync(sandbox.work("locked"), 0o555);
    mkdirSync(sandbox.work("closed/empty"), { recursive: true });
    chmodSync(sandbox.work("closed"), 0);
  });

  const relative = (text: string) => text.replaceAll(`${sandbox.work("")}/`, "");
  const closed = "nothing can be made in the folder locked: permission denied (EACCES)";
  test.each<[string, string, string, number]>([
    ["rootfs:tree", "there is something in it: etc", "OUTPUT_DIRECTORY", 2],
    ["rootfs:file", "it is not a directory", "OUTPUT_DIRECTORY", 2],
    ["rootfs:file/new", "file is not a folder (ENOTDIR)", "OUTPUT_DIRECTORY", 2],
    ["rootfs:no/such", "there is no folder no", "OUTPUT_DIRECTORY", 2],
    ["rootfs:nowhere", "nowhere is a link to nothing, which is not there (ENOENT)", "OUTPUT_DIRECTORY", 2],
    ["rootfs:locked/new", closed, "OUTPUT_DIRECTORY", 5],
    ["rootfs:locked/empty", closed, "OUTPUT_DIRECTORY", 5],
    ["rootfs:closed/empty", "you may not enter the folder closed (EACCES)", "OUTPUT_DIRECTORY", 5],
    ["oci:file", "file is not a folder", "LAYOUT_FOLDER", 5],
    ["oci:file/new", "file is not a folder (ENOTDIR)", "LAYOUT_FOLDER", 5],
    ["oci:no/such", "there is no folder no", "LAYOUT_FOLDER", 5],
    ["oci:nowhere", "nowhere is a link to nothing, which is not there (ENOENT)", "LAYOUT_FOLDER", 5],
    ["oci:locked/new", closed, "LAYOUT_FOLDER", 5],
    ["oci:locked", closed, "LAYOUT_FOLDER", 5],
    ["oci:closed/empty", "you may not enter the folder closed (EACCES)", "LAYOUT_FOLDER", 5],
    ["oci:strange", "its index.json cannot be read: it is a directory (EISDIR)", "LAYOUT_FOLDER", 5],
    ["oci:other", "other has an index.json that is not an OCI image index", "LAYOUT_INVALID", 6],
    ["tar:locked/x.tar", closed, "WRITE_FAILED", 5],
    ["docker-archive:locked/x.tar", closed, "WRITE_FAILED", 5],
    [
      "oci-archive:closed/x.tar",
      "nothing can be made in the folder closed: permission denied (EACCES)",
      "WRITE_FAILED",
      5,
    ],
  ])("is told before anything is done: %s", async (output, why, code, exitCode) => {
    const before = readdirSync(sandbox.work(""), { recursive: true }).sort();
    for (const args of [
      ["import", "tree", "-o", output],
      ["copy", "docker://127.0.0.1:1/x", output],
    ]) {
      const outcome = await sandbox.run(args, { through: WITHOUT_CAPABILITIES });
      const told = relative(outcome.stderr);
      // No step comes before it.
      expect(told).toMatch(/^error: /);
      expect(told).toContain(`: ${why} [${code}]\n`);
      expect(outcome).toMatchObject({ exitCode, stdout: "" });
    }
    expect(readdirSync(sandbox.work(""), { recursive: true }).sort()).toEqual(before);
  });

  test("is a directory without GNU tar, which is told before anything is done", async () => {
    const nothing = { PATH: sandbox.work("locked") };
    for (const args of [
      ["import", "-", "-o", "rootfs:new"],
      ["copy", "docker://127.0.0.1:1/x", "rootfs:new"],
    ])
      expect(await sandbox.run(args, { env: nothing, stdin: "" })).toMatchObject({
        exitCode: 5,
        stderr: expect.stringMatching(
          /^error: writing a root filesystem to new needs GNU tar; found none as tar or gtar \[TAR_PROGRAM_MISSING\]\n/,
        ),
      });
  });

  test.each([[[]], [["--path-exclude", "/etc"]]])("is told before anything is packed: %j", async (more) => {
    const outcome = await sandbox.run(["pack", "tree", "no/x.tar", ...more]);
    expect(outcome).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/^error: .* there is no folder no /) });
  });

  test.each([
    ["after what it would lie in", ["oci:layout:x", "rootfs:layout/tree", "tar:layout/tree/x.tar"], undefined],
    ["unless that comes before", ["rootfs:layout/tree", "oci:layout:x"], "there is no folder layout"],
    ["or is something else", ["oci:layout:x", "rootfs:no/tree"], "there is no folder no"],
    ["for a file as well", ["oci:layout:x", "tar:no/x.tar"], "there is no folder no"],
  ])("is none %s: %j", async (_, outputs, why) => {
    const outcome = await sandbox.run(["import", "tree", ...outputs.flatMap((output) => ["-o", output])]);
    if (why === undefined) expect(outcome).toMatchObject({ exitCode: 0 });
    else expect(relative(outcome.stderr)).toMatch(new RegExp(`^error: .*: ${why} `));
    expect(existsSync(sandbox.work("layout"))).toBe(why === undefined);
  });
});

test.each(["docker-archive", "oci-archive", "tar"])("a link to a file is followed: %s", async (transport) => {
  mkdirSync(sandbox.work("elsewhere"));
  writeFileSync(sandbox.work("elsewhere/old.tar"), "old");
  symlinkSync("elsewhere/old.tar", sandbox.work("link.tar"));
  const to = (file: string) => ["import", "tree", "demo/tree", "-o", `${transport}:${file}`];
  expect(await sandbox.run([...to("link.tar"), "--path-exclude", "/*"])).toMatchObject({ exitCode: 6 });
  expect(readFileSync(sandbox.work("link.tar"), "utf8")).toBe("old");
  await sandbox.json(to("link.tar"));
  await sandbox.json(to("same.tar"));
  expect(readlinkSync(sandbox.work("link.tar"))).toBe("elsewhere/old.tar");
  expect(readFileSync(sandbox.work("elsewhere/old.tar")).equals(readFileSync(sandbox.work("same.tar")))).toBe(true);
  expect(await sandbox.leftovers()).toEqual([]);
});

test("a layout, which may be somebody else's, has links replaced", async () => {
  await sandbox.json(["import", "tree", "-o", "oci:layout:one"]);
  const before = readFileSync(sandbox.work("layout/index.json"));
  renameSync(sandbox.work("layout/index.json"), sandbox.work("mine"));
  symlinkSync("../mine", sandbox.work("layout/index.json"));
  await sandbox.json(["import", "tree", "-o", "oci:layout:two"]);
  expect(readFileSync(sandbox.work("mine")).equals(before)).toBe(true);
  expect(lstatSync(sandbox.work("layout/index.json")).isFile()).toBe(true);
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
    [
      ["copy", "image.tar", "image"],
      "error: the destination image is refused: image is not a transport [OUTPUT_INVALID]",
    ],
    [["import", "tree", "-o", "image"], "error: --output image is refused: image is not a transport [OUTPUT_INVALID]"],
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

describe("a list of packages", () => {
  const to = (...sboms: readonly string[]) => [
    ...["import", "tree", "demo/tree", "-o", "oci:layout:x"],
    ...sboms.flatMap((sbom) => ["--sbom", sbom]),
  ];
  const read = (name: string) => readFileSync(sandbox.work(name), "utf8");

  test("goes to standard output, and nothing else does", async () => {
    await sandbox.json(to("a.spdx.json", "a.cdx.json"));
    for (const name of ["-", "/dev/stdout", "spdx-json=-", "spdx-json=/dev/fd/1"]) {
      expect(await sandbox.run(to(name))).toMatchObject({ exitCode: 0, stdout: read("a.spdx.json") });
    }
    const { stdout } = await sandbox.run(to("cyclonedx-json=-", "spdx-json=same.json"));
    expect(stdout).toBe(read("a.cdx.json"));
    expect(read("same.json")).toBe(read("a.spdx.json"));
  });

  test("is written to a pipe that has a name, once somebody reads, and the pipe stays", async () => {
    await sandbox.json(to("a.spdx.json"));
    execFileSync("mkfifo", [sandbox.work("pipe.spdx.json")]);
    const { ended } = sandbox.start(to("pipe.spdx.json"));
    await vi.waitFor(() => expect(existsSync(sandbox.work("layout/index.json"))).toBe(true), 100_000);
    const reader = execFileSync("cat", ["pipe.spdx.json"], { cwd: sandbox.work(""), encoding: "utf8" });
    expect(reader).toBe(read("a.spdx.json"));
    expect(await ended).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^image /) });
    expect(lstatSync(sandbox.work("pipe.spdx.json")).isFIFO()).toBe(true);
  });

  test("of more than a pipe holds arrives whole, however slowly it is read", async () => {
    const many = Array.from(
      { length: 600 },
      (_, at) => `Package: p${at}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n`,
    );
    mkdirSync(sandbox.work("tree/var/lib/dpkg"), { recursive: true });
    writeFileSync(sandbox.work("tree/var/lib/dpkg/status"), `${many.join("\n")}\n`);
    await sandbox.json(to("a.spdx.json"));
    expect(read("a.spdx.json").length).toBeGreaterThan(128 * 1024);
    execFileSync("mkfifo", [sandbox.work("pipe.spdx.json")]);
    const reader = spawn("sh", ["-c", "{ head -c 10; sleep 1; cat; } <pipe.spdx.json >read"], {
      cwd: sandbox.work(""),
    });
    const closed = once(reader, "close");
    expect(await sandbox.run(to("pipe.spdx.json"))).toMatchObject({ exitCode: 0 });
    await closed;
    expect(read("read")).toBe(read("a.spdx.json"));
  });

  test("that nobody wants to read is no reason to stay", async () => {
    execFileSync("mkfifo", [sandbox.work("pipe.spdx.json")]);
    const { child, told, ended } = sandbox.start(to("pipe.spdx.json"));
    await told(/checking the image.*\n/);
    await vi.waitFor(() => expect(existsSync(sandbox.work("layout/index.json"))).toBe(true), 100_000);
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ exitCode: 130, stdout: "" });
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("may go to a device, which stays", async () => {
    expect(await sandbox.run(to("spdx-json=/dev/null"))).toMatchObject({ exitCode: 0 });
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test.each<[string[], string]>([
    [["--sbom", "-", "--json"], "STDOUT_TWICE"],
    [["--sbom", "-", "-o", "tar:-"], "OPTION_INVALID"],
    [["--sbom", "-", "--sbom", "cyclonedx-json=-"], "OPTION_INVALID"],
    [["--sbom", "a.json"], "OPTION_INVALID"],
    [["--sbom", "folder.spdx.json"], "WRITE_FAILED"],
    [["--sbom", "socket.spdx.json"], "WRITE_FAILED"],
  ])("is refused before anything is done: %j", async (more, code) => {
    mkdirSync(sandbox.work("folder.spdx.json"));
    const server = createServer().listen(sandbox.work("socket.spdx.json"));
    const { exitCode, stdout, stderr } = await sandbox.run([...to(), ...more]);
    server.close();
    expect({ stdout, stderr }).toEqual({
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^error: .* \\[${code}\\]\n`)),
    });
    expect(exitCode).toBe(code === "WRITE_FAILED" ? 5 : 2);
    expect(existsSync(sandbox.work("layout"))).toBe(false);
  });

  test.each([
    [["-o", "tar:a.tar", "-o", "docker-archive:./a.tar"], "-o tar:a.tar and -o docker-archive:./a.tar"],
    [["-o", "tar:a.tar", "-o", "tar:tree/../link.tar"], "-o tar:a.tar and -o tar:tree/../link.tar"],
    [["-o", "tar:x.spdx.json", "--sbom", "x.spdx.json"], "-o tar:x.spdx.json and --sbom x.spdx.json"],
    [
      ["-o", "tar:a.tar", "--sbom", "x.spdx.json", "--sbom", "y.spdx.json"],
      "--sbom x.spdx.json and --sbom y.spdx.json",
    ],
  ])("or an image is not to be one file with another: %j", async (options, what) => {
    symlinkSync("a.tar", sandbox.work("link.tar"));
    symlinkSync("x.spdx.json", sandbox.work("y.spdx.json"));
    const { exitCode, stderr } = await sandbox.run(["import", "tree", "demo/tree", ...options]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(`^error: ${what} exclude each other `),
    });
    expect(["a.tar", "x.spdx.json"].filter((name) => existsSync(sandbox.work(name)))).toEqual([]);
  });

  test("has to have a folder, unless one comes into being with the image", async () => {
    const argv = ["import", "tree", "demo/tree", "-o", "tar:tree.tar", "--sbom", "layout/a.spdx.json"];
    expect(await sandbox.run(argv)).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/^error: cannot write layout\/a\.spdx\.json: there is no folder layout /),
    });
    expect(existsSync(sandbox.work("tree.tar"))).toBe(false);
    expect(await sandbox.run(to("layout/a.spdx.json"))).toMatchObject({ exitCode: 0 });
  });

  test("of several architectures does not go to one place", async () => {
    const argv = ["build", "alpine:3.20", "--arch", "amd64,arm64", "-o", "oci:layout:x", "--sbom", "-", "--offline"];
    expect(await sandbox.run(argv)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--sbom - and several architectures exclude each other"),
    });
  });

  test.each<[string[], string, number]>([
    [
      ["-o", "oci:layout:x", "--sbom", "folder.spdx.json"],
      "cannot write folder\\.arm64\\.spdx\\.json: a directory is there",
      5,
    ],
    [
      ["-o", "tar:x.tar", "--sbom", "no/x.cdx.json"],
      "cannot write no/x\\.amd64\\.cdx\\.json: there is no folder no ",
      5,
    ],
    [["-o", "oci:layout:x", "--sbom", "spdx-json=tree/"], "cannot write tree/: a directory is there", 5],
    [
      ["-o", "tar:x.arm64.spdx.json", "--sbom", "x.spdx.json"],
      "-o tar:x.arm64.spdx.json and --sbom x.spdx.json, which is written to x.arm64.spdx.json, exclude each other",
      2,
    ],
    [
      ["-o", "tar:x.tar", "--sbom", "x.spdx.json", "--sbom", "y.spdx.json"],
      "--sbom x.spdx.json, which is .*, and --sbom y.spdx.json, which is written to y.amd64.spdx.json, exclude each other",
      2,
    ],
  ])(
    "of several architectures is refused for what it will be called, before anything is done: %j",
    async (options, why, code) => {
      mkdirSync(sandbox.work("folder.arm64.spdx.json"));
      symlinkSync("x.amd64.spdx.json", sandbox.work("y.amd64.spdx.json"));
      const argv = ["build", "alpine:3.20", "--arch", "amd64,arm64", ...options, "--offline"];
      expect(await sandbox.run(argv)).toMatchObject({
        exitCode: code,
        stderr: expect.stringMatching(`^error: ${why}`),
      });
    },
  );

  test("of several architectures leaves in peace what has the name without one", async () => {
    mkdirSync(sandbox.work("x.spdx.json"));
    symlinkSync("x.amd64.spdx.json", sandbox.work("y.spdx.json"));
    const sboms = ["--sbom", "x.spdx.json", "--sbom", "y.spdx.json"];
    const argv = ["build", "alpine:3.20", "--arch", "amd64,arm64", "-o", "tar:x.tar", ...sboms, "--offline"];
    expect(await sandbox.run(argv)).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("--offline") });
  });
});

describe.skipIf(process.platform !== "linux")("standard output that takes nothing", () => {
  /** With its standard output where a shell's redirection has it. */
  function redirected(redirection: string, args: readonly string[]) {
    const command = ["-c", `exec "$0" "$@" ${redirection}`, process.execPath, BASE_KIT, ...args];
    const env = { ...process.env, HOME: sandbox.dir, XDG_CACHE_HOME: join(sandbox.dir, "cache") };
    const { status, stderr } = spawnSync("sh", command, { cwd: sandbox.work(""), encoding: "utf8", env });
    return { status, stderr };
  }

  const OUTPUTS: readonly string[][] = [
    ["pack", "tree", "-"],
    ["import", "tree", "-o", "tar:-"],
    ["import", "tree", "-o", "docker-archive:-"],
    ["import", "tree", "-o", "oci-archive:-"],
    ["import", "tree", "-o", "oci:layout:x", "--sbom", "-"],
  ];
  const ANSWERS: readonly string[][] = [
    ["--help"],
    ["--version"],
    ["help", "import"],
    ["producers"],
    ["producers", "--json"],
    ["import", "tree", "-o", "tar:x.tar"],
    ["import", "tree", "-o", "tar:x.tar", "--json"],
  ];

  const CASES = [
    ["full", "> /dev/full", "the disk is full (ENOSPC)"],
    ["for reading", "1< /dev/null", "it is not open for this (EBADF)"],
  ] as const;
  test.each(CASES.flatMap(([what, ...rest]) => [...OUTPUTS, ...ANSWERS].map((args) => [what, args, ...rest] as const)))(
    "because it is %s is told once: %j",
    (_, args, redirection, why) => {
      const { status, stderr } = redirected(redirection, args);
      expect(stderr.slice(stderr.search(/^error: /m)).split("\n")).toEqual([
        `error: cannot write to standard output: ${why} [STDOUT_FAILED]`,
        "What was to go there is not whole. Name a file, or let it lead to one or to a pipe.",
        "",
      ]);
      expect(status).toBe(5);
    },
  );

  test.each(OUTPUTS.map((args) => [args]))("because it is closed is told before anything is done: %j", (args) => {
    expect(redirected(">&-", args)).toEqual({
      status: 5,
      stderr: expect.stringMatching(/^error: standard output is closed \[STDOUT_CLOSED\]\n.+\n$/),
    });
    expect(existsSync(sandbox.work("layout"))).toBe(false);
  });

  test.each(OUTPUTS.map((args) => [args]))("but is /dev/null is no failure: %j", (args) => {
    expect(redirected("> /dev/null", args)).toMatchObject({ status: 0 });
  });
});
