import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printingProgram, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
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

describe("base-kit scratch in files", () => {
  test("has the same bytes from any folder, umask and time zone", async () => {
    utimesSync(program("hello"), 1_600_000_000, 1_600_000_000);
    const archives: Buffer[] = [];
    for (const mask of ["022", "077"]) {
      const cwd = sandbox.work(mask);
      mkdirSync(cwd);
      const through = ["sh", "-c", `umask ${mask} && exec "$@"`, "sh"];
      const env = { TZ: mask === "022" ? "UTC" : "Pacific/Kiritimati" };
      await sandbox.json(["scratch", "../hello", "-o", "docker-archive:hello.tar"], { cwd, through, env });
      archives.push(readFileSync(join(cwd, "hello.tar")));
    }
    expect(archives[1]?.equals(archives[0] as Buffer)).toBe(true);
  });

  test.each([
    ["nothing there", "missing", 2],
    ["a folder", ".", 6],
    ["a script", "script", 6],
    ["a program that needs libraries", process.execPath, 6],
  ])("%s is refused by name, and nothing is written", async (_, path, exitCode) => {
    writeFileSync(sandbox.work("script"), "#!/bin/sh\n", { mode: 0o755 });
    symlinkSync("script", sandbox.work("link"));
    const before = listTree(sandbox.work(""));
    const outcome = await sandbox.run(["scratch", path, "-o", "docker-archive:x.tar"]);
    expect(outcome).toMatchObject({ exitCode, stdout: "" });
    expect(outcome.stderr).toContain(path);
    expect(listTree(sandbox.work(""))).toBe(before);
  });
});
