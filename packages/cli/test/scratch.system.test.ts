import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printingProgram, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listTree } from "./listed-tree.ts";
import { createSandbox, FORTY_DAYS_LATER, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

/** A static program of a few hundred bytes. */
function program(name: string, prints = `hello from ${name}\n`): string {
  const path = sandbox.work(name);
  writeFileSync(path, printingProgram(prints));
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(requires("docker").skip || process.arch !== "x64")("base-kit scratch in an engine", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test("runs the program, with or without a daemon's build, in the same root filesystem", async () => {
    program("hello");
    const [direct, built] = [images.fresh(), images.fresh()];
    const { id } = await sandbox.json<{ readonly id: string }>(["scratch", "hello", "-t", direct]);
    expect(images.inspect(direct).Id).toBe(id);
    expect(images.run(direct)).toBe("hello from hello");

    const context = await sandbox.run(["scratch", "hello", "--dockerfile", "context"]);
    expect(context).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("docker build --tag NAME context") });
    images.docker(["build", "--quiet", "--tag", built, sandbox.work("context")]);
    expect(images.run(built)).toBe("hello from hello");
    expect(listTree(exported(direct))).toBe(listTree(exported(built)));
    expect(readFileSync(sandbox.work("context/Dockerfile"), "utf8")).toMatch(
      /^# syntax=docker\/dockerfile:1\nFROM scratch\n/,
    );
  });

  test.skipIf(requires("busybox").skip)("runs a real program of this machine, as another user", async () => {
    const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
    const name = images.fresh();
    const started = ["--entrypoint", JSON.stringify([`/${busybox.split("/").at(-1)}`]), "--cmd", "id -u"];
    await sandbox.json(["scratch", busybox, "-t", name, "--user", "1234", ...started]);
    expect(images.run(name)).toBe("1234");
    expect(images.run(name, "uname")).toBe("Linux");
  });

  /** Without times of folders, which a build makes now, and what the engine adds. */
  function exported(image: string): string {
    const container = images.docker(["create", image]);
    const dir = sandbox.work(image.replaceAll("/", "-"));
    mkdirSync(dir);
    try {
      images.docker(["export", "--output", `${dir}.tar`, container]);
    } finally {
      images.docker(["rm", container]);
    }
    const added = [".dockerenv", "etc", "proc", "sys", "dev"].map((each) => `--exclude=./${each}`);
    execFileSync("tar", [
      "-C",
      dir,
      "-p",
      ...added,
      ...added.map((each) => each.replace("./", "")),
      "-xf",
      `${dir}.tar`,
    ]);
    for (const each of execFileSync("find", [dir, "-type", "d"], { encoding: "utf8" }).trim().split("\n")) {
      utimesSync(each, 0, 0);
    }
    return dir;
  }
});

describe.skipIf(requires("docker", "curl", "strace").skip)("base-kit scratch with all that a program needs", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  test("is the same by Docker's own build, has packages in its SBOM, passes the lint, and serves as a root itself", async () => {
    const [direct, built, again] = [images.fresh(), images.fresh(), images.fresh()];
    const args = ["scratch", "/usr/bin/curl", "--user", "app", "--source-date-epoch", "1600000000"];
    await sandbox.json([...args, "-t", direct, "--sbom", "curl.spdx.json"]);
    expect(images.run(direct, "/usr/bin/curl", "--version")).toContain("libcurl");
    expect(readFileSync(sandbox.work("curl.spdx.json"), "utf8")).toMatch(/"pkg:(?:deb|apk)\/\w+\/libcurl4?\w*@/);

    await sandbox.run([...args, "--dockerfile", "context"]);
    images.docker(["build", "--quiet", "--tag", built, sandbox.work("context")]);
    expect(images.run(built, "/usr/bin/curl", "--version")).toContain("libcurl");
    const [one, other] = [exportedTar(direct), exportedTar(built)];
    expect(one).toContain("-rwxr-xr-x 0/0");
    expect(one).toBe(other);

    const lint = await sandbox.run(["inspect", `docker-daemon:${direct}`, "--lint"]);
    expect(lint).toMatchObject({ exitCode: 0, stdout: "nothing was found\n" });
    await sandbox.json(["scratch", "--from-image", `docker-daemon:${direct}`, "/usr/bin/curl", "-t", again]);
    expect(images.run(again, "/usr/bin/curl", "--version")).toContain("libcurl");
  });

  test("a lint tells what is broken", async () => {
    program("tool");
    const rootfs = sandbox.work("rootfs");
    mkdirSync(join(rootfs, "bin"), { recursive: true });
    execFileSync("cp", ["/usr/bin/curl", join(rootfs, "bin/curl")]);
    symlinkSync("/nowhere", join(rootfs, "dangling"));
    const made = ["import", "rootfs", "x/broken", "-o", "oci:layout:broken", "--cmd", "/bin/none", "--user", "app"];
    await sandbox.json(made);
    const { exitCode, stdout } = await sandbox.run(["inspect", "oci:layout:broken", "--lint"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^error {3}\/bin\/none would be started, and is not in the image \[entrypoint\]$/m);
    expect(stdout).toMatch(
      /^error {3}\/bin\/curl needs the interpreter \S+, which is not in the image \[missing-library\]$/m,
    );
    expect(stdout).toMatch(/^warning \/dangling leads to \/nowhere, which is not there \[dangling-link\]$/m);
  });

  test("explains who needs what, and runs nothing, least of all ldd", async () => {
    const log = sandbox.work("trace");
    const through = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", log];
    const { exitCode, stdout } = await sandbox.run(["scratch", "/usr/bin/curl", "--explain"], { through });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\/usr\/bin\/curl, \d+ kB$/m);
    expect(stdout).toMatch(/^ {2}libcurl\.so\.4 ← curl, \d+ kB \(libcurl4.*\)$/m);
    expect(stdout).toMatch(/^ca-certificates ← curl loads libcurl\.so\.4, \d+ kB$/m);
    expect(readFileSync(log, "utf8").match(/execve\(/g)).toHaveLength(1);
    const report = await sandbox.json<{ readonly programs: readonly { readonly libraries: readonly unknown[] }[] }>([
      "scratch",
      "/usr/bin/curl",
      "--explain",
    ]);
    expect(report.programs[0]?.libraries).toContainEqual(
      expect.objectContaining({
        name: "libcurl.so.4",
        neededBy: ["/usr/bin/curl"],
        foundBy: expect.stringMatching(/cache|default folder/),
      }),
    );
  });

  test.skipIf(requires("unshare").skip)("--check starts it once and names what it looked for", async () => {
    const script = sandbox.work("reader");
    writeFileSync(script, "#!/usr/bin/bash\nread -r line < /etc/os-release || exit 3\n", { mode: 0o755 });
    const { exitCode, stderr } = await sandbox.run(["scratch", script, "--check", "20", "-o", "oci:layout:x"]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /warning: the program looked for \/etc\/os-release, .*--with \/etc\/os-release takes it along/,
    );
    expect(stderr).toMatch(/the program ended with exit code 3/);
    const more = await sandbox.run(["scratch", script, "--with", "/etc/os-release", "--check", "-o", "oci:layout:y"]);
    expect(more.stderr).toContain("the program ended with exit code 0");
    expect(await sandbox.leftovers()).toEqual([]);
  });

  /** Arguments that check a script where unshare says that it may not; with `WAIT` set the script does not end. */
  function checkedInEngine(): readonly string[] {
    const script = sandbox.work("reader");
    const lines = [
      "#!/usr/bin/bash",
      "[ -z $WAIT ] || while :; do :; done",
      "read -r x < /etc/os-release || exit 3",
      "",
    ];
    writeFileSync(script, lines.join("\n"), { mode: 0o755 });
    mkdirSync(sandbox.work("bin"));
    const refusing = "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n";
    writeFileSync(sandbox.work("bin/unshare"), refusing, { mode: 0o755 });
    // What is started has the image's settings, and unshare is looked for with them.
    const path = `PATH=${sandbox.work("bin")}:/usr/bin`;
    return ["scratch", script, "--env", path, "-o", "oci:layout:x", "--check"];
  }

  test.skipIf(requires("unshare").skip)("--check takes an engine where namespaces are forbidden", async () => {
    const checked = checkedInEngine();
    const { exitCode, stderr } = await sandbox.run(checked);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/cannot be watched here: .*Operation not permitted.*; it is started in docker/);
    expect(stderr).toMatch(
      /warning: the program looked for \/etc\/os-release, .*--with \/etc\/os-release takes it along/,
    );
    expect(stderr).toMatch(/the program ended with exit code 3: .*os-release: No such file/);
    // Other tests may have containers, too.
    const label = `test=waiting-${process.pid}`;
    const waiting = await sandbox.run([...checked, "1", "--env", "WAIT=1", "--label", label]);
    expect(waiting.stderr).toContain("the program was still running when the time was over");
    expect(images.docker(["ps", "--all", "--quiet", `--filter=label=${label}`])).toBe("");
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test.skipIf(requires("unshare").skip).each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("--check that is stopped by %s in an engine leaves neither container nor image", async (signal, code) => {
    const marked = [...checkedInEngine(), "600", "--env", "WAIT=1", "--label", `test=${signal}-${process.pid}`];
    // Other tests may have containers and images, too.
    const ours = `label=test=${signal}-${process.pid}`;
    const containers = (...more: readonly string[]) =>
      images.docker(["ps", "--all", "--quiet", "--filter=name=base-kit-check-", `--filter=${ours}`, ...more]);
    const running = sandbox.start(marked);
    try {
      await expect.poll(() => containers("--filter=status=running")).not.toBe("");
      running.child.kill(signal);
      expect(await running.ended).toMatchObject({
        exitCode: code,
        stdout: "",
        stderr: expect.stringContaining(`stopped by ${signal} [INTERRUPTED]`),
      });
      expect(containers()).toBe("");
      expect(images.docker(["image", "ls", "--all", "--quiet", `--filter=${ours}`])).toBe("");
      expect(await sandbox.leftovers()).toEqual([]);
    } finally {
      for (const id of containers().split("\n").filter(Boolean)) images.docker(["rm", "--force", id]);
      images.docker(["image", "prune", "--all", "--force", `--filter=${ours}`]);
    }
  });

  /** Names, modes, owners, sizes, links; of files also the time. Without what the engine adds. */
  function exportedTar(image: string): string {
    const container = images.docker(["create", image]);
    const tar = sandbox.work(`${image.replaceAll("/", "-")}.tar`);
    try {
      images.docker(["export", "--output", tar, container]);
    } finally {
      images.docker(["rm", container]);
    }
    return execFileSync("tar", ["--numeric-owner", "--full-time", "--utc", "-tvf", tar], { encoding: "utf8" })
      .split("\n")
      .filter(
        (line) =>
          !/ (?:\.dockerenv|(?:proc|sys|dev)\/.*|etc\/(?:hosts|hostname|resolv\.conf|mtab)(?: .*)?)$/.test(line),
      )
      .map((line) => (line.startsWith("d") ? line.replace(/ \d{4}-\d\d-\d\d [\d:.]+/, "") : line))
      .sort()
      .join("\n");
  }
});

describe("base-kit scratch in files", () => {
  test("has the same bytes from any folder, umask and time zone, on any day", async () => {
    utimesSync(program("hello"), 1_600_000_000, 1_600_000_000);
    const archives: Buffer[] = [];
    for (const mask of ["022", "077"]) {
      const cwd = sandbox.work(mask);
      mkdirSync(cwd);
      const through = ["sh", "-c", `umask ${mask} && exec "$@"`, "sh"];
      const env = mask === "022" ? { TZ: "UTC" } : { ...FORTY_DAYS_LATER, TZ: "Pacific/Kiritimati" };
      await sandbox.json(["scratch", "../hello", "-o", "docker-archive:hello.tar"], { cwd, through, env });
      archives.push(readFileSync(join(cwd, "hello.tar")));
    }
    expect(archives[1]?.equals(archives[0] as Buffer)).toBe(true);
  });

  test("leaves out paths that are not wanted", async () => {
    program("hello");
    mkdirSync(sandbox.work("data/doc"), { recursive: true });
    for (const name of ["data/a", "data/doc/b", "data/doc/c"]) writeFileSync(sandbox.work(name), "");
    const paths = ["--path-exclude", "*/doc/*", "--path-include", "*/c"];
    await sandbox.json(["scratch", "hello", "--with", sandbox.work("data"), ...paths, "-o", "tar:x.tar"]);
    const names = execFileSync("tar", ["-tf", sandbox.work("x.tar")], { encoding: "utf8" }).split("\n");
    expect(names.filter((name) => /[^/]$/.test(name)).map((name) => name.replace(/^.*\/work\//, ""))).toEqual([
      "hello",
      "data/a",
      "data/doc/c",
    ]);
  });

  test("a program that may not be read is told; so is a file of a folder that is asked for", async () => {
    const through = WITHOUT_CAPABILITIES;
    chmodSync(program("secret"), 0o100);
    const unreadable = await sandbox.run(["scratch", "secret", "-o", "oci:layout:x"], { through });
    expect(unreadable).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/secret failed: permission denied \(EACCES\)/),
    });
    program("hello");
    mkdirSync(sandbox.work("data"));
    writeFileSync(sandbox.work("data/key"), "x", { mode: 0 });
    const args = ["scratch", "hello", "--with", sandbox.work("data"), "-o", "oci:layout:x"];
    const inFolder = await sandbox.run(args, { through });
    expect(inFolder).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/data\/key failed: permission denied \(EACCES\)/),
    });
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test.each([
    ["nothing there", "missing", 2],
    ["a folder", ".", 6],
    ["a script whose interpreter is missing", "script", 6],
    ["a secret of the machine", "/etc/shadow", 2],
  ])("%s is refused by name, and nothing is written", async (_, path, exitCode) => {
    writeFileSync(sandbox.work("script"), "#!/no/shell\n", { mode: 0o755 });
    symlinkSync("script", sandbox.work("link"));
    const before = listTree(sandbox.work(""));
    const outcome = await sandbox.run(["scratch", path, "-o", "docker-archive:x.tar"]);
    expect(outcome).toMatchObject({ exitCode, stdout: "" });
    expect(outcome.stderr).toContain(path);
    expect(listTree(sandbox.work(""))).toBe(before);
  });
});
