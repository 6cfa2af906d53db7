import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { elfBytes, printingProgram } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { scratchContext } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
let out: string;
beforeEach(() => {
  context = testContext();
  out = join(context.dir, "out");
});
afterEach(() => context.dispose());

function program(name: string, bytes: Uint8Array = elfBytes()): string {
  const path = join(context.dir, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o700);
  utimesSync(path, 1000, 1000);
  return path;
}

const text = (name: string) => readFileSync(join(out, name), "utf8");

/** Everything in a folder, for comparing before and after. */
function snapshot(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(dir, name);
      const stat = lstatSync(path);
      const bytes = stat.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
      return `${name} ${stat.mode.toString(8)} ${stat.ino} ${bytes}`;
    });
}

describe("the folder", () => {
  test("is that of Docker's guide, word for word", async () => {
    const hello = program("hello");
    expect(await scratchContext([hello], out, {}, context)).toMatchObject({
      dir: out,
      files: [".dockerignore", "Dockerfile", "hello"],
      platform: { os: "linux", architecture: "amd64" },
    });
    expect(text("Dockerfile")).toBe('# syntax=docker/dockerfile:1\nFROM scratch\nADD hello /\nCMD ["/hello"]\n');
    expect(text(".dockerignore")).toMatch(/^# Written by base-kit scratch, sha256:[0-9a-f]{64}\n\*\n!hello\n$/);
    expect(readFileSync(join(out, "hello"))).toEqual(elfBytes());
    expect(statSync(join(out, "hello"))).toMatchObject({ mtimeMs: 1_000_000, mode: 0o100755 });
    expect(statSync(out).mode & 0o777).toBe(0o777 & ~process.umask());
  });

  test("carries every setting", async () => {
    const runtime = {
      env: { PATH: "/usr/bin", GREETING: "a \"b\" $c \\ 'd' #e  " },
      labels: { "org.example.title": "a b" },
      workdir: "/var/app",
      expose: ["80/tcp", "53/udp"],
      volumes: ["/data dir", "/x"],
      stopSignal: "SIGINT",
      user: "65532:65532",
      entrypoint: ["hello"],
      cmd: ["--text", 'a "b"\n'],
    };
    await scratchContext([{ file: program("hello"), path: "/usr/bin/hello" }], out, { runtime }, context);
    expect(text("Dockerfile").split("\n")).toEqual([
      "# syntax=docker/dockerfile:1",
      "FROM scratch",
      "ADD hello /usr/bin/hello",
      'ENV PATH="/usr/bin"',
      'ENV GREETING="a \\"b\\" \\$c \\\\ \'d\' #e  "',
      'LABEL org.example.title="a b"',
      "WORKDIR /var/app",
      "EXPOSE 80/tcp",
      "EXPOSE 53/udp",
      'VOLUME ["/data dir","/x"]',
      "STOPSIGNAL SIGINT",
      "USER 65532:65532",
      'ENTRYPOINT ["hello"]',
      'CMD ["--text","a \\"b\\"\\n"]',
      "",
    ]);
  });

  test.each([
    [
      "an environment variable with a line break",
      { env: { A: "b\nRUN x" } },
      /environment variable A cannot be written/,
    ],
    ["an environment variable with a strange name", { env: { "A B": "c" } }, /environment variable "A B" cannot/],
    ["a label with a strange name", { labels: { 'a"b': "c" } }, /label "a\\"b" cannot/],
    ["a port with a line break", { expose: ["80\nRUN x"] }, /port "80\\nRUN x" cannot/],
    ["a working directory that ends with a backslash", { workdir: "/a\\" }, /working directory "?\/a\\"? cannot/],
    ["a stop signal with a blank", { stopSignal: "SIG INT" }, /stop signal "SIG INT" cannot/],
  ])("is not written with %s", async (_, runtime, message) => {
    await expect(scratchContext([program("hello")], out, { runtime }, context)).rejects.toMatchObject({
      code: "SCRATCH_DOCKERFILE",
      kind: "usage",
      message: expect.stringMatching(message),
    });
    expect(readdirSync(context.dir)).toEqual(["hello"]);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test.each([
    ["a space", "my prog", 'ADD ["program-1","/my prog"]', 'CMD ["/my prog"]', "program-1"],
    ["quotes", `it's "x"`, `ADD ["program-1","/it\\\\'s \\\\\\"x\\\\\\""]`, `CMD ["/it's \\"x\\""]`, "program-1"],
    ["a variable", "$HOME", 'ADD ["program-1","/\\\\$HOME"]', 'CMD ["/$HOME"]', "program-1"],
    ["a pattern", "[a]*?", 'ADD ["program-1","/[a]*?"]', 'CMD ["/[a]*?"]', "program-1"],
    ["a line break", "a\nb", 'ADD ["program-1","/a\\nb"]', 'CMD ["/a\\nb"]', "program-1"],
    ["a backslash", "a\\b", 'ADD ["program-1","/a\\\\\\\\b"]', 'CMD ["/a\\\\b"]', "program-1"],
    ["other letters", "приве́т", 'ADD ["program-1","/приве́т"]', 'CMD ["/приве́т"]', "program-1"],
    ["a dash in front", "--help", "ADD program-1 /--help", 'CMD ["/--help"]', "program-1"],
    ["an exclamation mark", "!x", 'ADD ["program-1","/!x"]', 'CMD ["/!x"]', "program-1"],
    ["the name Dockerfile", "Dockerfile", "ADD program-1 /Dockerfile", 'CMD ["/Dockerfile"]', "program-1"],
    ["the name .dockerignore", ".dockerignore", "ADD program-1 /.dockerignore", 'CMD ["/.dockerignore"]', "program-1"],
    ["dots, dashes and plus", "a.b-c+1", "ADD a.b-c+1 /", 'CMD ["/a.b-c+1"]', "a.b-c+1"],
  ])("is right for a program with %s", async (_, name, add, cmd, inContext) => {
    await scratchContext([program(name)], out, {}, context);
    expect(text("Dockerfile").split("\n").slice(2)).toEqual([add, cmd, ""]);
    expect(text(".dockerignore")).toMatch(new RegExp(`\\*\\n!${inContext.replace(/[+.]/g, "\\$&")}\\n$`));
    expect(readdirSync(out).sort()).toEqual([".dockerignore", "Dockerfile", inContext].sort());
  });

  test("has room for two programs of one name in different places", async () => {
    const programs = [
      { file: program("tool"), path: "/bin/tool" },
      { file: program("Tool-2"), path: "/sbin/TOOL" },
    ];
    await scratchContext(programs, out, {}, context);
    expect(text("Dockerfile")).toContain("ADD tool /bin/tool\nADD program-2 /sbin/TOOL\n");
  });
});

describe("a folder that exists", () => {
  test("is filled when it is empty, and stays the same folder", async () => {
    mkdirSync(out, { mode: 0o750 });
    const before = statSync(out);
    await scratchContext([program("hello")], out, {}, context);
    expect(readdirSync(out).sort()).toEqual([".dockerignore", "Dockerfile", "hello"]);
    expect(statSync(out)).toMatchObject({ ino: before.ino, mode: before.mode });
  });

  test("is replaced when it is as it was written", async () => {
    await scratchContext([program("hello"), program("gone")], out, {}, context);
    await scratchContext([program("hello", printingProgram("new"))], out, {}, context);
    expect(readdirSync(out).sort()).toEqual([".dockerignore", "Dockerfile", "hello"]);
    expect(readFileSync(join(out, "hello"))).toEqual(printingProgram("new"));
    expect(readdirSync(context.dir).sort()).toEqual(["gone", "hello", "out"]);
  });

  test.each([
    [
      "holds something else",
      () => {
        mkdirSync(out);
        writeFileSync(join(out, "notes"), "mine");
      },
    ],
    [
      "holds a Dockerfile of someone",
      () => {
        mkdirSync(out);
        writeFileSync(join(out, "Dockerfile"), "FROM x");
      },
    ],
    ["holds a file more", () => writeFileSync(join(out, "notes"), "mine")],
    ["holds a folder more", () => mkdirSync(join(out, "src"))],
    ["holds a file less", () => rmSync(join(out, "hello"))],
    ["holds a changed Dockerfile", () => appendFileSync(join(out, "Dockerfile"), "USER 1\n")],
    ["holds a changed .dockerignore", () => appendFileSync(join(out, ".dockerignore"), "!notes\n")],
    ["holds another program", () => writeFileSync(join(out, "hello"), "mine")],
    [
      "holds a link to a program",
      () => {
        rmSync(join(out, "hello"));
        symlinkSync("../hello", join(out, "hello"));
      },
    ],
    ["is a file", () => writeFileSync(out, "mine")],
  ])("is refused and left untouched when it %s", async (what, change) => {
    const hello = program("hello");
    if (!/something else|of someone|is a file/.test(what)) await scratchContext([hello], out, {}, context);
    change();
    const before = snapshot(context.dir);
    await expect(scratchContext([hello], out, {}, context)).rejects.toMatchObject({
      code: "SCRATCH_CONTEXT_OCCUPIED",
      kind: "usage",
      message: expect.stringContaining(out),
      hint: expect.stringContaining("left untouched"),
    });
    expect(snapshot(context.dir)).toEqual(before);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test("is written through a link, which stays", async () => {
    const hello = program("hello");
    mkdirSync(join(context.dir, "real"));
    symlinkSync("real", out);
    await scratchContext([hello], out, {}, context);
    await scratchContext([hello], out, {}, context);
    expect(lstatSync(out).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(context.dir, "real")).sort()).toEqual([".dockerignore", "Dockerfile", "hello"]);
    expect(readdirSync(context.dir).sort()).toEqual(["hello", "out", "real"]);
  });
});

describe("when it cannot be written", () => {
  test.each([
    ["the folder above is missing", () => join(context.dir, "none", "out"), "ENOENT", /make it first.*untouched/],
    ["the folder above is a file", () => join(context.dir, "hello", "out"), "ENOTDIR", /untouched/],
    ["nobody may write there", () => "/proc/out", "ENOENT|EACCES|EPERM", /untouched/],
  ])("%s", async (_, where, code, hint) => {
    const hello = program("hello");
    await expect(scratchContext([hello], where(), {}, context)).rejects.toMatchObject({
      code: "SCRATCH_CONTEXT_UNWRITABLE",
      kind: "environment",
      message: expect.stringMatching(new RegExp(String.raw`failed: [a-z ]+ \((${code})\)$`)),
      hint: expect.stringMatching(hint),
    });
    expect(readdirSync(context.dir)).toEqual(["hello"]);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test.each(["absent", "empty", "own"])("it is told to stop: %s folder", async (state) => {
    const hello = program("hello");
    if (state === "own") await scratchContext([hello], out, {}, context);
    if (state === "empty") mkdirSync(out);
    const before = snapshot(context.dir);
    const stop = new AbortController();
    const stopping = testContext({
      signal: stop.signal,
      onEvent: (event) => event.type === "step.ended" && stop.abort(),
    });
    try {
      await expect(scratchContext([hello], out, {}, stopping)).rejects.toMatchObject({ name: "AbortError" });
      expect(snapshot(context.dir)).toEqual(before);
      expect(readdirSync(stopping.tempDir)).toEqual([]);
    } finally {
      stopping.dispose();
    }
  });
});
