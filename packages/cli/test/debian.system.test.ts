import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  createGpgHome,
  type DescribedDeb,
  type DescribedSuite,
  type GpgHome,
  hostSystemDeb,
  isRunning,
  makeDebSuite,
  requires,
  type SigningKey,
} from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createSandbox, type Outcome, type Sandbox } from "./run-cli.ts";

const HOUR = 3600 * 1000;

let gpg: GpgHome;
let key: SigningKey;
let sandbox: Sandbox;
const GPG = requires("gpg").skip;

beforeAll(() => {
  if (GPG) return;
  gpg = createGpgHome();
  key = gpg.generate();
});
afterAll(() => gpg?.[Symbol.dispose]());
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(async () => {
  const left = await sandbox.leftovers();
  sandbox.dispose();
  expect(left).toEqual([]);
});

/** A mirror in the folder `mirror`, with its key beside it. */
function writeMirror(described: DescribedSuite): void {
  const files = makeDebSuite(described, (release) => gpg.clearsign(release, { by: [key] }));
  for (const [path, bytes] of Object.entries({ ...files, "keyring.gpg": gpg.exportKeys([key]) })) {
    const file = sandbox.work(join("mirror", path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

const spec = (name: string, ...more: readonly string[]) => [
  ...["debian:bookworm", "--mirror", "mirror", "--keyring", "mirror/keyring.gpg"],
  ...["--variant", "custom", "--include", name, "--tweaks", "none", ...more],
];
const DEMO: DescribedDeb = { name: "demo", files: { "usr/bin/demo": "demo" }, scripts: { postinst: "#!/bin/sh\n" } };

describe.skipIf(GPG)("a lock of Debian", () => {
  test("is not replaced by an older state of the archive, however well it is signed", async () => {
    const now = Date.now() - 60_000;
    writeMirror({ packages: [DEMO], date: new Date(now) });
    await sandbox.json(["lock", ...spec("demo")]);
    const newest = readFileSync(sandbox.work("base-kit.lock"), "utf8");
    writeMirror({ packages: [{ ...DEMO, version: "0.9" }], date: new Date(now - HOUR) });
    const update = await sandbox.run(["lock", ...spec("demo"), "--update"]);
    expect(update).toMatchObject({ exitCode: 3, stdout: "" });
    expect(update.stderr).toMatch(
      /bookworm InRelease\S* at file:\S+ is of .*base-kit\.lock already has .*\[LOCK_ROLLBACK\]/,
    );
    // Nor for another choice of packages.
    const other = await sandbox.run(["lock", ...spec("demo", "--slim"), "--update"]);
    expect(other).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("[LOCK_ROLLBACK]") });
    expect(readFileSync(sandbox.work("base-kit.lock"), "utf8")).toBe(newest);
    writeMirror({ packages: [{ ...DEMO, version: "1.1" }], date: new Date(now + 1000) });
    expect(await sandbox.json(["lock", ...spec("demo"), "--update"])).toMatchObject({ changed: true });
  });
});

/** By its path: it is not to be found by what it watches. */
const strace = () => execFileSync("sh", ["-c", "command -v strace"], { encoding: "utf8" }).trim();

describe.skipIf(GPG || requires("strace", "root").skip)("Debian with nothing but Node", () => {
  test("is built with --configure none, and no program is started", async () => {
    writeMirror({ packages: [DEMO] });
    const { exitCode, stderr } = await sandbox.run(
      ["build", ...spec("demo", "--configure", "none"), "-o", "docker-archive:demo.tar"],
      {
        through: [strace(), "--follow-forks", "--trace=execve,execveat", `--output=${sandbox.work("trace")}`],
        env: { PATH: "/nonexistent", DOCKER_HOST: "unix:///nonexistent/docker.sock" },
      },
    );
    expect(stderr).toContain("the scripts of 1 of them did not run: demo");
    expect(exitCode).toBe(0);
    const started = readFileSync(sandbox.work("trace"), "utf8").match(/execve(?:at)?\(.*/g);
    expect(started).toEqual([expect.stringContaining(`execve("${process.execPath}"`)]);
    expect(readdirSync(sandbox.work("."))).toContain("demo.tar");
  });
});

/** The host's programs as an image: what base-kit finds when it runs in a container itself. */
function hostImage(name: string): void {
  const links = ["bin", "sbin", "lib", "lib64"].map((each) => ({ path: each, target: `usr/${each}` }));
  const folders = ["usr", "tmp", "proc", "dev", "etc", "mnt"];
  const tar = mkdtempSync(join(tmpdir(), "bk-host-"));
  chmodSync(tar, 0o755);
  for (const each of folders) mkdirSync(join(tar, each));
  for (const { path, target } of links) symlinkSync(target, join(tar, path));
  writeFileSync(join(tar, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(tar, "etc/group"), "root:x:0:\n");
  execFileSync("sh", ["-c", `tar -C '${tar}' -c . | docker import - ${name}`], { stdio: "ignore" });
  rmSync(tar, { recursive: true });
}

describe.skipIf(GPG || requires("root", "unshare", "ldd", "docker").skip)("in a container without privileges", () => {
  const USER = "1000:1000";
  const name = `base-kit-test-host-${process.pid}`;
  const repository = fileURLToPath(new URL("../../..", import.meta.url));
  afterAll(() => void execFileSync("docker", ["rmi", "--force", name], { stdio: "ignore" }));
  const within = (...options: readonly string[]) => {
    const mounts = ["/usr", dirname(dirname(process.execPath)), repository].map(
      (path) => `--volume=${path}:${path}:ro`,
    );
    const env = Object.entries({ HOME: "home", TMPDIR: "tmp", XDG_CACHE_HOME: "inner-cache" });
    return [
      ...["docker", "run", "--rm", "--network", "none", ...mounts],
      ...[`--volume=${sandbox.dir}:${sandbox.dir}`, "--workdir", sandbox.work("")],
      ...env.map(([key, folder]) => `--env=${key}=${join(sandbox.dir, folder)}`),
      // Docker takes the last value of a variable.
      ...options,
      name,
    ];
  };
  const build = (configure: string) => [
    ...["build", ...spec("system,demo", "--configure", configure), "-o", "docker-archive:x.tar", "--json"],
  ];

  const mirror = () => {
    const postinst = "#!/bin/sh\nset -e\necho done > /etc/mark\nchown 0:42 /etc/mark\nchmod 640 /etc/mark\n";
    writeMirror({ packages: [hostSystemDeb(), { ...DEMO, scripts: { postinst } }] });
  };
  beforeAll(() => hostImage(name));
  const UNPRIVILEGED = ["--user", USER, "--cap-drop", "ALL"];

  test("the image is the same, whoever runs the scripts, and without them", async () => {
    mirror();
    const outside = manifestOf(await sandbox.run(build("chroot")));
    const rows: readonly [string, readonly string[]][] = [
      // As Docker starts one: system calls are filtered, and there are no namespaces.
      ["plain-chroot", []],
      ["plain-chroot", ["--read-only"]],
      ["plain-chroot", ["--read-only", "--tmpfs", "/tmp:exec,dev", "--env", "TMPDIR=/tmp"]],
      ["chroot", ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]],
    ];
    for (const [backend, options] of rows) {
      const inside = await sandbox.run(build("auto"), { through: within(...options) });
      expect(inside.stderr).toContain(`changes, ${backend} (`);
      expect(manifestOf(inside)).toBe(outside);
      expect(await sandbox.leftovers()).toEqual([]);
      rmSync(join(sandbox.dir, "inner-cache"), { recursive: true });
    }
    execFileSync("chown", ["--recursive", USER, sandbox.dir]);
    const inside = await sandbox.run(build("auto"), {
      through: within(...UNPRIVILEGED, "--security-opt", "seccomp=unconfined"),
    });
    expect(inside.stderr).toMatch(/changes, single-user/);
    expect(manifestOf(inside)).toBe(outside);

    const none = await sandbox.run(build("none"), { through: within(...UNPRIVILEGED) });
    expect(manifestOf(none)).toBe(manifestOf(await sandbox.run(build("none"))));
  });

  test.each([
    ["root without capabilities", ["--cap-drop", "ALL"], /plain-chroot: root has no CAP_CHOWN, .*CAP_SETFCAP here/],
    ["another user", ["--user", USER], /plain-chroot: it needs root/],
    [
      "root whose temporary folder is Docker's --tmpfs",
      ["--read-only", "--tmpfs", "/tmp", "--env", "TMPDIR=/tmp"],
      /plain-chroot: no programs and no devices can be used in \/tmp/,
    ],
    // Without CAP_SETFCAP the kernel does not let root have a user namespace of its own; anybody else it does.
    ["root who may not be a user", ["--cap-drop", "ALL", "--security-opt", "seccomp=unconfined"], /single-user: /],
  ])("%s cannot run scripts, and is told why", async (_, options, reason) => {
    mirror();
    execFileSync("chown", ["--recursive", USER, sandbox.dir]);
    execFileSync("chmod", ["--recursive", "a+rwX", sandbox.dir]);
    const { exitCode, stdout, stderr } = await sandbox.run(build("auto"), { through: within(...options) });
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: "" });
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(/\[SANDBOX_UNAVAILABLE\]\n.*In a container be its root.*seccomp=unconfined/);
    expect(existsSync(sandbox.work("x.tar"))).toBe(false);
    // Asked whether an engine answers, podman makes folders for its user, and keeps them.
    for (const each of readdirSync(join(sandbox.dir, "tmp"))) {
      if (/^(?:containers-user|podman-run)-/.test(each)) rmSync(join(sandbox.dir, "tmp", each), { recursive: true });
    }
  });

  function manifestOf({ exitCode, stdout, stderr }: Outcome): string {
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return (
      (JSON.parse(stdout) as { readonly images: readonly { readonly manifest: string }[] }).images[0]?.manifest ?? ""
    );
  }
});

describe.skipIf(GPG || requires("root", "unshare", "ldd").skip)("a package's script in a build", () => {
  const build = (name: string) => [
    "build",
    ...spec(name, "--configure", "chroot"),
    "-o",
    "docker-archive:old.tar",
    "--progress",
    "json",
  ];
  const withScript = (postinst: string) => {
    writeMirror({ packages: [hostSystemDeb(), { ...DEMO, scripts: { postinst: `#!/bin/sh\n${postinst}\n` } }] });
    writeFileSync(sandbox.work("old.tar"), "old");
  };

  test("that runs well leaves its mark, and nothing else", async () => {
    withScript("echo done > /etc/mark");
    const outcome = await sandbox.run([...build("system,demo"), "--keep-failed", "failed"]);
    expect(outcome.stderr).not.toContain('"error"');
    expect(outcome.exitCode).toBe(0);
    expect(existsSync(sandbox.work("failed"))).toBe(false);
  });

  test("that fails is shown with its package and its last words, and nothing is left", async () => {
    withScript("echo looking for a thing; echo no such thing >&2; exit 7");
    const outcome = await sandbox.run(build("system,demo"));
    expect(outcome).toMatchObject({ exitCode: 1, stdout: "" });
    for (const words of ["looking for a thing", "no such thing", "error exit status 7", "demo"])
      expect(outcome.stderr).toContain(words);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  });

  test("that fails leaves its tree and all its words where --keep-failed says, and only there", async () => {
    withScript(
      "echo done > /etc/mark; chmod 600 /etc/mark; chown 0:42 /etc/mark; seq() { echo line $1; }; seq 1; exit 7",
    );
    const outcome = await sandbox.run([...build("system,demo"), "--keep-failed", "failed"]);
    expect(outcome).toMatchObject({ exitCode: 1, stdout: "" });
    for (const name of ["rootfs.tar", "output.log"]) expect(outcome.stderr).toContain(sandbox.work(`failed/${name}`));
    expect(readdirSync(sandbox.work("failed")).sort()).toEqual(["output.log", "rootfs.tar"]);
    const output = readFileSync(sandbox.work("failed/output.log"), "utf8");
    expect(output).toMatch(/^Setting up demo \(1\.0\) \.\.\.\nline 1\n(?:.*\n)*.*error exit status 7\n/m);
    expect(keptFile("etc/mark")).toBe("done\n");
    const listed = execFileSync("tar", ["--numeric-owner", "-tvf", sandbox.work("failed/rootfs.tar")]).toString();
    expect(listed).toMatch(/^-rw------- 0\/42 .* etc\/mark$/m);
    // What was made before, and what helps the scripts, as it was then.
    expect(listed).toMatch(/ usr\/bin\/demo$/m);
    expect(listed).toMatch(/ usr\/sbin\/policy-rc\.d$/m);
    expect(keptFile("var/lib/dpkg/status")).toContain("Status: install ok half-configured");
    // A second time it is in the way, and told before anything is done.
    const again = await sandbox.run([...build("system,demo"), "--keep-failed", "failed"]);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/--keep-failed \S*failed.*output\.log/) });
    expect(again.stderr).not.toContain("step.started");
    const other = await sandbox.run(["build", "image:demo", "--keep-failed", "new"]);
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("image has no --keep-failed") });
  });

  const keptFile = (path: string) =>
    execFileSync("tar", ["-xOf", sandbox.work("failed/rootfs.tar"), path], { encoding: "utf8" });

  test.each(["SIGINT", "SIGKILL"] as const)(
    "that hangs ends with base-kit by %s: no process, no mount",
    async (signal) => {
      // Found in the machine's list of processes.
      const last = `sleep 1000.${process.pid}`;
      withScript(`trap '' INT TERM; echo waiting > /etc/mark; sleep 1000 & echo waiting; while :; do ${last}; done`);
      const running = sandbox.start([...build("system,demo"), "--keep-failed", "failed"]);
      await running.told(/"title":"configuring the packages"/);
      while (running.child.exitCode === null && !isRunning(last)) await sleep(50);
      running.child.kill(signal);
      const { exitCode, stderr } = await running.ended;
      expect(exitCode).toBe(signal === "SIGINT" ? 130 : null);
      expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
      if (signal === "SIGINT") {
        expect(stderr).toMatch(/\[INTERRUPTED\]\n.*failed\/rootfs\.tar/);
        expect(keptFile("etc/mark")).toBe("waiting\n");
        expect(readFileSync(sandbox.work("failed/output.log"), "utf8")).toMatch(/^waiting$/m);
        return;
      }
      expect(existsSync(sandbox.work("failed"))).toBe(false);
      const left = async () => (await sandbox.leftovers()).filter((each) => /^(?:process|mount) /.test(each));
      for (let waited = 0; (await left()).length > 0 && waited < 10; waited++) await sleep(100);
      expect(await left()).toEqual([]);
      // The next one clears its folder away.
      const { exitCode: next } = await sandbox.run([
        ...["build", ...spec("system,demo", "--configure", "none"), "-o", "rootfs:unpacked"],
      ]);
      expect(next).toBe(0);
      // And shows what the script was given.
      expect(readdirSync(sandbox.work("unpacked/usr/bin"))).toContain("demo");
    },
  );
});
