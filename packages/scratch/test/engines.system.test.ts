import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, parseReference, type RuntimeConfig } from "@base-kit/core";
import { buildImage, hybridArchive } from "@base-kit/oci";
import { indexTar } from "@base-kit/tar";
import { printingProgram, readContent, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ScratchOptions, type ScratchProgram, scratchContext, scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

function file(name: string, bytes: Uint8Array = printingProgram(`${name}\n`)): string {
  const path = join(context.dir, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(requires("docker").skip || process.arch !== "x64")("a Docker engine", () => {
  const images: string[] = [];
  const containers: string[] = [];
  afterEach(() => {
    for (const id of containers.splice(0)) docker("rm", "--force", "--volumes", id);
    for (const name of images.splice(0)) spawnSync("docker", ["rmi", "--force", name]);
  });

  /** Both ways to an image: `docker build` of the context, and the archive made without it. */
  async function bothImages(programs: readonly ScratchProgram[], options: ScratchOptions = {}) {
    const name = `base-kit-test/scratch-${process.pid}-${Date.now()}`;
    const built = `${name}:built`;
    const loaded = `${name}:loaded`;
    images.push(built, loaded);
    const dir = join(context.dir, "context of the build");
    await scratchContext(programs, dir, options, context);
    writeFileSync(join(dir, "not needed"), "kept out by .dockerignore");
    docker("build", "--quiet", "--tag", built, dir);
    const image = await buildImage(
      await scratchRootfs(programs, options, context),
      { created: 1_000_000_000, compression: "none" },
      context,
    );
    const archive = join(context.dir, "image.tar");
    await pipeline(hybridArchive([image], [parseReference(loaded)]), createWriteStream(archive));
    docker("load", "--quiet", "--input", archive);
    return { built, loaded };
  }

  async function rootOf(image: string): Promise<readonly string[]> {
    const id = docker("create", image).trim();
    containers.push(id);
    const exported = join(context.dir, "exported.tar");
    docker("export", "--output", exported, id);
    return describeEntries(indexTar(exported));
  }

  test("runs a real program of this machine from both", async () => {
    const { program, cmd } = staticProgram(context.dir);
    const { built, loaded } = await bothImages([program], { runtime: { cmd } });
    expect(docker("run", "--rm", "--network", "none", loaded)).toBe("Hello from scratch!\n");
    expect(docker("run", "--rm", "--network", "none", built)).toBe("Hello from scratch!\n");
    expect(await rootOf(loaded)).toEqual(await rootOf(built));
  });

  test("sees the same root filesystem and settings in both", async () => {
    const setuid = file("su");
    chmodSync(setuid, 0o4711);
    const programs = [
      { file: file("tool"), path: "/usr/local/bin/tool" },
      { file: setuid, path: "/usr/bin/su" },
      file('it\'s a $HOME "tool" [x]*?\\ é'),
      { file: file("line"), path: "/new\nline" },
      file("Dockerfile"),
      file("--help"),
      file("!not"),
      file("#comment"),
    ];
    const runtime: RuntimeConfig = {
      entrypoint: ['/it\'s a $HOME "tool" [x]*?\\ é'],
      cmd: ["a 'b' \"c\" $d \\", "\n"],
      env: { PATH: "/usr/local/bin", GREETING: 'a "b" $c $' + "{d} \\ 'e' #f  ", EMPTY: "" },
      labels: { "org.example.title": 'Ünï "quoted" $x \\' },
      workdir: "/var/lib/$app's",
      user: "65532:65533",
      expose: ["80/tcp", "53/udp"],
      volumes: ["/data/$x 'y'"],
      stopSignal: "SIGINT",
    };
    const { built, loaded } = await bothImages(programs, { runtime, sourceDateEpoch: 1_600_000_000 });
    const root = await rootOf(built);
    expect(root).toContainEqual(expect.stringMatching(/^file 755 0:0@1600000000 usr\/local\/bin\/tool /));
    expect(root).toContainEqual(expect.stringMatching(/^file 755 0:0@1600000000 usr\/bin\/su /));
    expect(root).toContainEqual(expect.stringMatching(/^directory 755 0:0 var\/lib\/\$app's$/));
    expect(await rootOf(loaded)).toEqual(root);
    expect(settings(loaded)).toEqual(settings(built));
    expect(docker("run", "--rm", "--network", "none", built)).toBe('it\'s a $HOME "tool" [x]*?\\ é\n');
  });

  test("takes the context from a second run over the first", async () => {
    const dir = join(context.dir, "context");
    await scratchContext([file("one")], dir, {}, context);
    await scratchContext([file("two")], dir, {}, context);
    const name = `base-kit-test/scratch-${process.pid}-again`;
    images.push(name);
    docker("build", "--quiet", "--tag", name, dir);
    expect(docker("run", "--rm", "--network", "none", name)).toBe("two\n");
  });
});

describe.skipIf(requires("buildah", "root").skip)("buildah", () => {
  test("makes the same root filesystem of the context", async () => {
    const programs = [{ file: file("tool"), path: "/usr/bin/tool" }, file('it\'s a $HOME "tool" [x]*?')];
    const dir = join(context.dir, "context");
    await scratchContext(programs, dir, {}, context);
    const storage = [
      "--root",
      join(context.dir, "root"),
      "--runroot",
      join(context.dir, "run"),
      "--storage-driver",
      "vfs",
    ];
    const buildah = (...args: readonly string[]) =>
      execFileSync("buildah", [...storage, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    buildah("bud", "--quiet", "--tag", "scratch-test", dir);
    buildah("push", "--quiet", "scratch-test", `dir:${join(context.dir, "pushed")}`);
    const { layers } = JSON.parse(readFileSync(join(context.dir, "pushed", "manifest.json"), "utf8"));
    expect(layers).toHaveLength(1);
    const tar = join(context.dir, "layer.tar");
    const layer = join(context.dir, "pushed", layers[0].digest.replace("sha256:", ""));
    writeFileSync(tar, execFileSync("gzip", ["--decompress", "--stdout", "--force", layer]));
    const { segments } = await scratchRootfs(programs, {}, context);
    expect(await describeEntries(indexTar(tar))).toEqual(
      await describeEntries(segments.flatMap((segment) => [...segment.entries()])),
    );
  });
});

describe.skipIf(requires("root").skip || process.platform !== "linux")("a disk that is full", () => {
  test.each(["absent", "empty", "own"])("leaves everything as it was: %s folder", async (state) => {
    const disk = join(context.dir, "disk");
    const out = join(disk, "out");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]);
    try {
      if (state === "empty") mkdirSync(out);
      if (state === "own") await scratchContext([file("small")], out, {}, context);
      const before = execFileSync("find", [disk, "-printf", "%p %s %T@\\n"], { encoding: "utf8" });
      const large = file("large", Buffer.concat([printingProgram("x"), Buffer.alloc(300 * 1024, 1)]));
      await expect(scratchContext([large], out, {}, context)).rejects.toMatchObject({
        code: "SCRATCH_CONTEXT_UNWRITABLE",
        kind: "environment",
        message: expect.stringMatching(/failed: the disk is full \(ENOSPC\)$/),
      });
      const names = (listing: string) => listing.replace(/ \S+$/gm, "").split("\n").sort();
      const after = execFileSync("find", [disk, "-printf", "%p %s %T@\\n"], { encoding: "utf8" });
      expect(names(after)).toEqual(names(before));
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

/** Compiled where there is a compiler; else busybox, which every machine that runs all tests has. */
function staticProgram(dir: string): { readonly program: ScratchProgram; readonly cmd: readonly string[] } {
  const source = join(dir, "hello.c");
  writeFileSync(source, '#include <stdio.h>\nint main(void) { puts("Hello from scratch!"); return 0; }\n');
  const program = join(dir, "hello");
  if (spawnSync("gcc", ["-static", "-o", program, source]).status === 0) return { program, cmd: ["/hello"] };
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
  return { program: busybox, cmd: ["/busybox", "echo", "Hello from scratch!"] };
}

function docker(...args: readonly string[]): string {
  return execFileSync("docker", args, {
    encoding: "utf8",
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Without the times of folders, which a build gives the time of the build, and of what the engine puts in. */
async function describeEntries(entries: readonly Entry[]): Promise<readonly string[]> {
  const lines = entries.map(async (entry) => {
    const bytes = entry.type === "file" ? await readContent(entry.content()) : Buffer.alloc(0);
    const time = entry.type === "file" && bytes.length > 0 ? `@${entry.mtime}` : "";
    const digest = bytes.length > 0 ? ` ${createHash("sha256").update(bytes).digest("hex")}` : "";
    return `${entry.type} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}${time} ${entry.path}${digest}`;
  });
  return (await Promise.all(lines)).sort();
}

function settings(image: string): Readonly<Record<string, unknown>> {
  const [{ Config: config, Architecture: architecture, Os: os }] = JSON.parse(docker("inspect", image));
  const { Cmd, Entrypoint, User, WorkingDir, ExposedPorts, Volumes, Labels, StopSignal } = config;
  const Env = [...config.Env].sort();
  return { architecture, os, Cmd, Entrypoint, Env, User, WorkingDir, ExposedPorts, Volumes, Labels, StopSignal };
}
