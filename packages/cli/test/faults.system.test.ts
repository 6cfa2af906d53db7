import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { requires, startMirror } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ALPINE_ARCHITECTURE, copyAlpineMirror } from "./alpine-mirror.ts";
import { type Misbehaviour, startFakeEngine } from "./fake-engine.ts";
import { createSandbox, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
  mkdirSync(sandbox.work("tree"));
  writeFileSync(sandbox.work("tree/noise"), NOISE);
  writeFileSync(sandbox.work("old.tar"), "old");
});
afterEach(async () => {
  const left = await sandbox.leftovers();
  sandbox.dispose();
  expect(left).toEqual([]);
});

/** Bytes that do not compress, the same each time. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let at = 0; at < size; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
}

const NOISE = noise(8_000_000);

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Nobody listens on it: the system gave it out and has it back. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Builds from mirrors that do not answer well, each of which is asked again for some seconds. */
async function buildFromUnreliableMirrors() {
  const own = createSandbox();
  writeFileSync(own.work("old.tar"), "old");
  const files = await copyAlpineMirror(own.work("mirror"));
  const content = Object.fromEntries(
    [files.index, files.minirootfs].map((path) => [path, readFileSync(join(files.dir, path))]),
  );
  const always = <T>(fault: T) => Array.from({ length: 20 }, () => fault);
  const cut = always({ cutAfter: 1000, withLength: true } as const);
  const login = always({ status: 200, body: "<html>Sign in</html>" });
  const cutting = await startMirror(content, { faults: { [files.minirootfs]: cut } });
  const portal = await startMirror(content, { faults: { [files.index]: login } });
  const closed = `127.0.0.1:${await closedPort()}`;
  const build = (options: readonly string[], env = {}) =>
    own.run(["build", "alpine:3.20", ...options, "-o", "docker-archive:old.tar"], { env });
  const outcomes = Promise.all([
    build(["--mirror", `http://${closed}/`]),
    build([], { BASE_KIT_ALPINE_MIRROR: `http://user:secret@${closed}/` }),
    build(["--mirror", cutting.url]),
    build(["--mirror", portal.url]),
  ]);
  const end = async () => {
    await outcomes;
    await Promise.all([cutting.close(), portal.close()]);
    own.dispose();
  };
  return { own, files, closed, outcomes, end };
}

/** Begun before all others, which are not disturbed by it, and looked at after them. */
let unreliable: Awaited<ReturnType<typeof buildFromUnreliableMirrors>> | undefined;
beforeAll(async () => {
  if (!requires("alpine-mirror").skip) unreliable = await buildFromUnreliableMirrors();
});
afterAll(() => unreliable?.end());

describe("wrong usage is told before anything is done", () => {
  test.each([
    [["build", "alpin:3.20"], "alpine"],
    [["build", "alpine:three"], "3.20"],
    [["build", "alpine:../../etc"], "[ALPINE_RELEASE_INVALID]"],
    [["build", "debootstrap:bookwrm"], "bookworm"],
    [["build", "debootstrap:../../etc"], "[SUITE_INVALID]"],
    [["build", "alpine:3.20", "--variant", "minbase"], "--variant"],
    [["build", "alpine:3.20", "--snapshot", "20240101"], "lock --vendor"],
    [["build", "alpine:3.20", "--tga", "x"], "Did you mean --tag?"],
    [["build", "alpine:3.20", "--arch", "amd46"], "amd64"],
    [["build", "alpine:3.20", "-o", "docker-achive:x.tar"], "docker-archive:"],
    [["build", "alpine:3.20", "--source-date-epoch", "yesterday"], "--source-date-epoch"],
    [["import", "tree", "a", "--env", "=x"], "--env"],
    [["frobnicate"], "unknown command"],
  ])("%j", async (args, suggestion) => {
    const output = args.includes("-o") || args[0] === "frobnicate" ? [] : ["-o", "tar:x.tar"];
    const outcome = await sandbox.run([...args, ...output], { env: { BASE_KIT_ALPINE_MIRROR: "http://127.0.0.1:1/" } });
    expect(outcome).toMatchObject({ exitCode: 2, stdout: "" });
    expect(outcome.stderr).toContain(suggestion);
    expect(outcome.stderr).not.toMatch(/fetch|\n {4}at /);
  });

  test.each([
    ["Demo"],
    ["-demo"],
    ["a//b"],
    ["a b"],
    ["demo:tag:two"],
    [`demo:${"x".repeat(129)}`],
    ["demo@sha256:abc"],
    ["f".repeat(64)],
    ["scratch"],
    ["scratch:latest"],
    ["docker.io/library/scratch"],
    ["line\nbreak"],
  ])("the name %j is one that engines refuse", async (name) => {
    const outcome = await sandbox.run(["import", "tree", `--tag=${name}`, "-o", "docker-archive:old.tar"]);
    expect(outcome).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringMatching(/^error: .*\[REFERENCE_/) });
    expect(outcome.stderr.split("\n")).toHaveLength(3);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  });
});

describe.skipIf(requires("alpine-mirror").skip)("a mirror", () => {
  const build = (mirror: string, ...args: readonly string[]) =>
    sandbox.run(["build", "alpine:3.20", "--mirror", mirror, "-o", "docker-archive:old.tar", ...args]);
  const kept = () => readFileSync(sandbox.work("old.tar"), "utf8");

  test("whose archive has one byte changed is refused, and nothing of it is kept", async () => {
    const files = await copyAlpineMirror(sandbox.work("mirror"));
    const path = join(files.dir, files.minirootfs);
    const good = readFileSync(path);
    const bad = Buffer.from(good);
    bad[1000] = (bad[1000] as number) ^ 1;
    writeFileSync(path, bad);
    const outcome = await build(files.dir);
    expect(outcome).toMatchObject({ exitCode: 3, stdout: "" });
    expect(outcome.stderr).toContain(files.minirootfs);
    expect(outcome.stderr).toContain(sha256(good));
    expect(outcome.stderr).toContain(sha256(bad));
    expect(kept()).toBe("old");
    writeFileSync(path, good);
    expect(await build(files.dir)).toMatchObject({ exitCode: 0 });
  });

  test("whose list names another checksum is refused", async () => {
    const files = await copyAlpineMirror(sandbox.work("mirror"));
    const path = join(files.dir, files.index);
    const digest = sha256(readFileSync(join(files.dir, files.minirootfs)));
    writeFileSync(path, readFileSync(path, "utf8").replace(digest, sha256("another")));
    expect(await build(files.dir)).toMatchObject({
      exitCode: 3,
      stdout: "",
      stderr: expect.stringContaining(sha256("another")),
    });
    expect(kept()).toBe("old");
  });

  test("without the release says so", async () => {
    const files = await copyAlpineMirror(sandbox.work("mirror"));
    const outcome = await sandbox.run(["build", "alpine:3.99", "--mirror", files.dir, "-o", "docker-archive:old.tar"]);
    expect(outcome).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("3.99") });
    expect(kept()).toBe("old");
  });

  test("with credentials in an option is refused, because everybody sees those", async () => {
    const outcome = await build("http://user:secret@127.0.0.1:1/");
    expect(outcome).toMatchObject({ exitCode: 2, stdout: "" });
    expect(outcome.stderr).not.toContain("secret");
  });

  test("is not asked for what is in the cache, of which nothing is believed", async () => {
    const files = await copyAlpineMirror(sandbox.work("mirror"));
    expect(await build(files.dir)).toMatchObject({ exitCode: 0 });
    const good = readFileSync(sandbox.work("old.tar"));
    const cached = readdirSync(join(sandbox.dir, "cache"), { recursive: true, encoding: "utf8" })
      .map((name) => join(sandbox.dir, "cache", name))
      .filter((path) => statSync(path).isFile());
    expect(cached.length).toBeGreaterThan(0);
    for (const path of cached) {
      chmodSync(path, 0o644);
      writeFileSync(path, "rotten");
    }
    expect(await build(files.dir)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(sandbox.work("old.tar")).equals(good)).toBe(true);
    expect(files.minirootfs).toContain(ALPINE_ARCHITECTURE);
  });
});

test("a keyring that is missing is told alone, before anything is fetched", async () => {
  await using mirror = await startMirror({});
  const repository = ["--repository", "deb [signed-by=/no/such.gpg] http://127.0.0.1:9/ bookworm main"];
  const args = ["build", "debian:bookworm", ...repository, "--mirror", mirror.url, "-o", "tar:x.tar"];
  const outcome = await sandbox.run(args);
  expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
  expect(outcome.stderr.replace(/ \(\d.*s\)/g, "")).toBe(
    "resolving debian:bookworm for linux/amd64 failed\n" +
      "error: the archive http://127.0.0.1:9/ of --repository cannot be verified: cannot read the keyring /no/such.gpg: there is no such file [KEYRING_UNREADABLE]\n" +
      "signed-by= has to name a file of OpenPGP public keys (.gpg, .asc or .kbx) with those that signed the archive. Nothing was fetched.\n",
  );
  expect(mirror.requests).toEqual([]);
});

describe("an output that cannot be written", () => {
  test.each([
    ["pack", (path: string) => ["pack", "tree", path]],
    ["a tar", (path: string) => ["import", "tree", "a", "-o", `tar:${path}`]],
    ["an archive", (path: string) => ["import", "tree", "a", "-o", `docker-archive:${path}`]],
    ["a layout", (path: string) => ["import", "tree", "a", "-o", `oci:${path}`]],
  ])("in a folder that is read-only, from %s", async (_, args) => {
    mkdirSync(sandbox.work("locked"), { mode: 0o555 });
    const path = "locked/image";
    const outcome = await sandbox.run(args(path), { through: WITHOUT_CAPABILITIES });
    expect(outcome).toMatchObject({ exitCode: 5, stdout: "", stderr: expect.stringContaining(path) });
    expect(outcome.stderr).toMatch(/permission denied/i);
  });

  test.each([["no-such-folder/x.tar"], ["tree"], ["old.tar/x.tar"]])("because %s cannot be a file", async (path) => {
    for (const args of [
      ["pack", "tree", path],
      ["import", "tree", "a", "-o", `docker-archive:${path}`],
    ]) {
      const outcome = await sandbox.run(args);
      expect(outcome).toMatchObject({ exitCode: 5, stdout: "", stderr: expect.stringContaining(path) });
    }
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  });

  test.skipIf(process.platform !== "linux")(
    "where the kernel makes no folders is told, not tried for ever",
    async () => {
      for (const [args, code] of [
        [["pack", "tree", "old.tar", "--cache-dir", "/proc/cache"], "CACHE_DIR_UNUSABLE"],
        [["import", "tree", "a", "-o", "oci:/proc/layout"], "LAYOUT_FOLDER"],
      ] as const) {
        const outcome = await sandbox.run(args);
        expect(outcome).toMatchObject({ exitCode: 5, stdout: "", stderr: expect.stringContaining(`[${code}]`) });
      }
      // Nobody asked for this place, and a cache is no must.
      const env = { XDG_CACHE_HOME: "/proc" };
      const outcome = await sandbox.run(["pack", "tree", "new.tar"], { env });
      expect(outcome).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining("warning: the cache folder /proc/"),
      });
      expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
    },
  );

  /** Runs base-kit with a disk of 3 MB, and prints what is on it afterwards. */
  const SMALL_DISK =
    'disk=$1; shift; mount -t tmpfs -o size=3m none "$disk" && printf old >"$disk/out.tar" && "$@"; code=$?; ' +
    'ls -A "$disk"; cat "$disk/out.tar"; exit $code';

  describe.skipIf(requires("root", "unshare").skip)("on a full disk", () => {
    test.each([
      ["pack", ["pack", "tree", "full/out.tar"], ["out.tar"]],
      ["a tar", ["import", "tree", "a", "-o", "tar:full/out.tar"], ["out.tar"]],
      ["an archive", ["import", "tree", "a", "-o", "docker-archive:full/out.tar"], ["out.tar"]],
      ["a layout", ["import", "tree", "a", "-o", "oci:full/layout"], ["out.tar"]],
      ["the cache", ["import", "tree", "a", "-o", "tar:x.tar", "--cache-dir", "full/cache"], ["cache", "out.tar"]],
    ])("%s names it and leaves the old file", async (what, args, left) => {
      const full = sandbox.work("full");
      mkdirSync(full);
      const through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SMALL_DISK, "sh", full];
      // Temporary files lie beside the cache unless TMPDIR says otherwise.
      const env = what === "the cache" ? { TMPDIR: undefined } : {};
      const outcome = await sandbox.run(args, { through, env });
      expect(outcome.stderr).toContain("no space is left on the device");
      expect(outcome.stderr).toContain("full/");
      expect(outcome).toMatchObject({ exitCode: 5, stdout: `${left.join("\n")}\nold` });
      expect(existsSync(sandbox.work("x.tar"))).toBe(false);
    });
  });
});

describe("a cache that was asked for", () => {
  const CACHE_COMMANDS = ["ls", "prune", "dir"].map((name) => ["cache", name]);

  test.each([
    ["", 'the cache folder "" cannot be used: a name is missing', 2],
    ["old.tar", "old.tar cannot be used: it is not a folder", 2],
    ["old.tar/cache", "old.tar is not a folder", 2],
    ["locked/cache", "locked/cache cannot be used: permission denied (EACCES)", 5],
    ["locked", "locked cannot be used: permission denied (EACCES)", 5],
  ])("and cannot be used is told before anything is done: %j", async (name, why, exitCode) => {
    mkdirSync(sandbox.work("locked"), { mode: 0o555 });
    const before = readdirSync(sandbox.work(""));
    const commands = [["pack", "tree", "new.tar"], ...(exitCode === 2 ? CACHE_COMMANDS : [])];
    for (const command of commands) {
      const outcome = await sandbox.run([...command, "--cache-dir", name], { through: WITHOUT_CAPABILITIES });
      expect(outcome.stderr).toMatch(/^error: the cache folder /);
      expect(outcome.stderr).toContain(`${why} [CACHE_DIR_UNUSABLE]\n`);
      expect(outcome).toMatchObject({ exitCode, stdout: "" });
    }
    expect(readdirSync(sandbox.work(""))).toEqual(before);
  });

  test.each(["none", "locked"])("need not be there or writable to be looked at: %s", async (name) => {
    mkdirSync(sandbox.work("locked"), { mode: 0o555 });
    for (const command of CACHE_COMMANDS) {
      const outcome = await sandbox.run([...command, "--cache-dir", name], { through: WITHOUT_CAPABILITIES });
      expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
    }
    expect(existsSync(sandbox.work("none"))).toBe(false);
  });
});

describe.skipIf(requires("root").skip)("a cache nobody asked for is no must", () => {
  const unprivileged = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"];
  test.each<[string, NodeJS.ProcessEnv]>([
    ["where HOME is read-only", { HOME: "/proc", XDG_CACHE_HOME: undefined }],
    ["where HOME is the root", { HOME: "/", XDG_CACHE_HOME: undefined }],
    ["where HOME is not there", { HOME: "/nonexistent", XDG_CACHE_HOME: undefined }],
    ["where there is no HOME", { HOME: undefined, XDG_CACHE_HOME: undefined }],
    ["where it is somebody else's", {}],
  ])("%s", async (_where, env) => {
    for (const each of ["work", "tmp"]) chownSync(join(sandbox.dir, each), 12345, 12345);
    chmodSync(sandbox.dir, 0o755);
    mkdirSync(join(sandbox.dir, "cache/base-kit"), { mode: 0o755 });
    const outcome = await sandbox.run(["pack", "tree", "new.tar"], { through: unprivileged, env });
    expect(outcome.stderr.match(/^warning: .*/gm)).toEqual([
      expect.stringContaining("nothing is kept for the next build"),
    ]);
    expect(outcome.exitCode).toBe(0);
    expect(statSync(sandbox.work("new.tar")).size).toBeGreaterThan(8_000_000);
  });
});

test("names that look like options are names", async () => {
  const folder = sandbox.work("--checkpoint=1");
  mkdirSync(folder);
  writeFileSync(join(folder, "--checkpoint-action=exec=touch caught"), "x");
  writeFileSync(join(folder, "--remove-files"), "y");
  const names = ["--checkpoint-action=exec=touch caught", "--remove-files"];
  for (const args of [
    ["pack", "--", "--checkpoint=1", "--help.tar"],
    ["import", "./--checkpoint=1", "demo/x", "-o", "tar:--help.tar"],
    ["import", "-o", "tar:--help.tar", "--", "--checkpoint=1", "demo/x"],
  ]) {
    expect(await sandbox.run(args), args.join(" ")).toMatchObject({ exitCode: 0 });
    const listed = execFileSync("tar", ["-tf", "./--help.tar"], { cwd: sandbox.work(""), encoding: "utf8" });
    expect(listed.replaceAll("./", "").split("\n").filter(Boolean), args.join(" ")).toEqual(names);
    rmSync(sandbox.work("--help.tar"));
  }
  expect(await sandbox.run(["import", "--checkpoint=1", "demo/x", "-o", "tar:x.tar"])).toMatchObject({ exitCode: 2 });
  expect(readdirSync(sandbox.work("")).sort()).toEqual(["--checkpoint=1", "old.tar", "tree"]);
  expect(readdirSync(folder)).toHaveLength(2);
});

test("what leaves nothing of a directory is refused", async () => {
  for (const args of [
    ["import", "tree", "a", "--path-exclude", "/*", "-o", "tar:old.tar"],
    ["import", "empty.tar", "a", "-o", "docker-archive:old.tar"],
    ["import", "-", "a", "-o", "docker-archive:old.tar"],
  ]) {
    writeFileSync(sandbox.work("empty.tar"), Buffer.alloc(1024));
    const outcome = await sandbox.run(args, { stdin: "" });
    expect(outcome.exitCode, `${args.join(" ")}: ${outcome.stderr}`).toBe(6);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  }
});

test.each([
  ["an error nobody expected", "throw new Error('boom')"],
  ["a promise nobody looked after", "Promise.reject(new TypeError('boom'))"],
])("%s ends the program as a bug, and leaves nothing", async (_what, thrown) => {
  // As soon as somebody listens, that is, when the work begins.
  const script = `const timer = setInterval(() => {
    if (process.listenerCount("uncaughtException") === 0) return;
    clearInterval(timer);
    ${thrown};
  }, 5);`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
  const outcome = await sandbox.run(["import", "-", "-o", "docker-archive:old.tar"], { env, stdin: { open: true } });
  expect(outcome).toMatchObject({ exitCode: 70, stdout: "", stderr: expect.stringContaining("boom") });
  expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  expect(await sandbox.leftovers()).toEqual([]);
});

test("a work that comes to no end is a bug, and no success", async () => {
  const script = 'import fs from "node:fs/promises"; fs.stat = () => new Promise(() => {});';
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
  const outcome = await sandbox.run(["import", "tree", "-o", "docker-archive:old.tar"], { env });
  expect(outcome).toMatchObject({ exitCode: 70, stdout: "", stderr: expect.stringContaining("[INTERNAL]") });
  expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
});

test("too few files that may be open are told", async () => {
  const few = 'ulimit -n 22 && exec "$@"';
  const outcome = await sandbox.run(["pack", "tree", "old.tar"], { through: ["sh", "-c", few, "sh"] });
  expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
  expect(outcome.stderr).toMatch(/^error: .*too many open files/m);
  expect(outcome.stderr).not.toMatch(/\n {4}at /);
  expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
});

describe("an engine", () => {
  const LOAD = ["import", "tree", "base-kit-test/never"];

  test("that is asked for and not there is named with the place", async () => {
    const outcome = await sandbox.run([...LOAD, "--docker-host", "unix:///nonexistent/docker.sock"]);
    expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
    expect(outcome.stderr).toContain("unix:///nonexistent/docker.sock");
    expect(readdirSync(sandbox.work("")).sort()).toEqual(["old.tar", "tree"]);
  });

  test.skipIf(requires("root", "unshare").skip)(
    "that is nowhere makes a file of the image, with how to load it",
    async () => {
      const hidden = 'mount -t tmpfs none /run && exec "$@"';
      const through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hidden, "sh"];
      const options = { through, env: { DOCKER_HOST: undefined } };
      mkdirSync(sandbox.work("demo-tree-1.tar"));
      const refused = await sandbox.run(["import", "-", "demo/tree:1"], { ...options, stdin: "" });
      expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/^error: .* a directory is there/m) });
      expect(refused.stderr).not.toContain("reading");
      rmdirSync(sandbox.work("demo-tree-1.tar"));
      const outcome = await sandbox.run(["import", "tree", "demo/tree:1"], options);
      expect(outcome).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("docker load -i ./demo-tree-1.tar"),
      });
      expect(outcome.stderr).toMatch(/note: .*docker\.sock.*writing \.\/demo-tree-1\.tar instead/s);
      expect(statSync(sandbox.work("demo-tree-1.tar")).size).toBeGreaterThan(8_000_000);
    },
  );

  test("that may not be spoken to is named with what helps", async () => {
    const socket = sandbox.work("engine.sock");
    const engine = await startFakeEngine(socket, "stall");
    try {
      chmodSync(socket, 0);
      const args = [...LOAD, "--docker-host", engine.host];
      const outcome = await sandbox.run(args, { through: WITHOUT_CAPABILITIES });
      expect(outcome).toMatchObject({ exitCode: 5, stdout: "" });
      expect(outcome.stderr).toMatch(/permission denied/i);
      expect(outcome.stderr).toContain(socket);
      expect(outcome.stderr).toMatch(/group docker|rootless/);
    } finally {
      await engine.close();
    }
  });

  const programs = spawnSync("docker", ["--version"]).error === undefined ? ["docker-cli"] : [];
  test.each(
    (["die", "report", "full"] as const).flatMap((fault) =>
      ["engine-api", ...programs].map((importer): [Misbehaviour, string] => [fault, importer]),
    ),
  )("that fails while it takes the image (%s, through %s) is a failure", async (fault, importer) => {
    const engine = await startFakeEngine(sandbox.work("engine.sock"), fault);
    try {
      const outcome = await sandbox.run([...LOAD, "--docker-host", engine.host, "--importer", importer]);
      expect(outcome).toMatchObject({ exitCode: 5, stdout: "", stderr: expect.stringContaining(engine.host) });
      if (fault !== "die") expect(outcome.stderr).toContain("no space left on device");
    } finally {
      await engine.close();
    }
  });
});

test.skipIf(requires("alpine-mirror").skip)(
  "a mirror that is not there, ends too early or answers a login page is named, without its password",
  async () => {
    if (unreliable === undefined) throw new Error("nothing was built");
    const { own, files, closed, outcomes } = unreliable;
    const [away, behindCredentials, short, page] = await outcomes;
    expect(away).toMatchObject({ exitCode: 4, stdout: "", stderr: expect.stringContaining(closed) });
    expect(behindCredentials).toMatchObject({ exitCode: 4, stdout: "", stderr: expect.stringContaining(closed) });
    expect(behindCredentials.stderr).not.toContain("secret");
    expect(short).toMatchObject({ exitCode: 4, stdout: "", stderr: expect.stringContaining(files.minirootfs) });
    expect(page).toMatchObject({ exitCode: 4, stdout: "", stderr: expect.stringContaining(files.index) });
    expect(readFileSync(own.work("old.tar"), "utf8")).toBe("old");
    expect(await own.leftovers()).toEqual([]);
  },
);
