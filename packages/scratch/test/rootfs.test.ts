import { chmodSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { elfBytes, printingProgram, readContent, textFromEntries } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ScratchOptions, type ScratchProgram, scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

function program(
  name: string,
  options: { readonly bytes?: Uint8Array; readonly mode?: number; readonly mtime?: number } = {},
) {
  const path = join(context.dir, name);
  writeFileSync(path, options.bytes ?? elfBytes());
  chmodSync(path, options.mode ?? 0o755);
  utimesSync(path, options.mtime ?? 1000, options.mtime ?? 1000);
  return path;
}

async function tree(programs: readonly ScratchProgram[], options: ScratchOptions = {}): Promise<string[]> {
  const { segments } = await scratchRootfs(programs, options, context);
  const text = await textFromEntries(segments.flatMap((segment) => [...segment.entries()]));
  return text.split("\n").map((line) => line.replace(/ "(?:[^"\\]|\\.)*"$/, ""));
}

describe("the root filesystem", () => {
  test("is the program and nothing else", async () => {
    const bytes = printingProgram("hello\n");
    const rootfs = await scratchRootfs([program("hello", { bytes })], {}, context);
    expect(rootfs).toMatchObject({
      platform: { os: "linux", architecture: "amd64" },
      osRelease: {},
      packages: [],
      runtime: { cmd: ["/hello"] },
    });
    const entries = [...(rootfs.segments[0]?.entries() ?? [])];
    expect(entries).toEqual([
      {
        type: "file",
        path: "hello",
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 1000,
        size: bytes.length,
        content: expect.any(Function),
      },
    ]);
    for (const entry of entries) {
      if (entry.type !== "file") continue;
      expect(await readContent(entry.content())).toEqual(bytes);
      expect(await readContent(entry.content())).toEqual(bytes);
    }
  });

  test("has the folders above a program, once, before what is in them", async () => {
    const hello = program("hello", { mtime: 5 });
    const bye = program("bye", { mtime: 9 });
    const programs = [hello, { file: bye, path: "/usr/bin/bye" }, { file: hello, path: "/usr/bin/hi" }];
    expect(await tree(programs)).toEqual([
      "directory 755 0:0@9 usr/",
      "directory 755 0:0@9 usr/bin/",
      "file 755 0:0@5 hello",
      "file 755 0:0@9 usr/bin/bye",
      "file 755 0:0@5 usr/bin/hi",
    ]);
  });

  test("has the working directory that was asked for", async () => {
    const options = { runtime: { workdir: "/var/app/" } };
    const rootfs = await scratchRootfs([program("hello")], options, context);
    expect(rootfs.runtime).toEqual({ cmd: ["/hello"], workdir: "/var/app" });
    expect(await tree([program("hello")], options)).toContain("directory 755 0:0@1000 var/app/");
  });

  test("follows a link to the program, under the name of the link", async () => {
    program("hello-1.0");
    symlinkSync("hello-1.0", join(context.dir, "hello"));
    expect(await tree([join(context.dir, "hello")])).toEqual(["file 755 0:0@1000 hello"]);
  });

  test("has no file that is newer than asked", async () => {
    const programs = [program("old", { mtime: 50 }), program("new", { mtime: 500 })];
    expect(await tree(programs, { sourceDateEpoch: 100 })).toEqual(["file 755 0:0@50 old", "file 755 0:0@100 new"]);
  });

  test.each([
    [0o755, "755"],
    [0o775, "755"],
    [0o777, "755"],
    [0o700, "755"],
    [0o644, "755"],
    [0o555, "555"],
    [0o400, "555"],
  ])("a program of mode %o has mode %s", async (mode, expected) => {
    expect(await tree([program("hello", { mode })])).toEqual([`file ${expected} 0:0@1000 hello`]);
  });

  test.each([
    [0o4755, "setuid"],
    [0o2755, "setgid"],
  ])("mode %o loses its special bit, and a warning says so", async (mode, bit) => {
    expect(await tree([program("hello", { mode })])).toEqual(["file 755 0:0@1000 hello"]);
    expect(context.events).toContainEqual({
      type: "warned",
      code: "SCRATCH_SETUID_DROPPED",
      message: expect.stringContaining(`hello loses its ${bit} bit`),
    });
  });

  test.each([
    [{ machine: 183 }, "arm64", "v8"],
    [{ machine: 40, class: 32 }, "arm", "v7"],
    [{ machine: 22, byteOrder: "big" }, "s390x", undefined],
    [{ machine: 62, type: 3, pie: true }, "amd64", undefined],
  ] as const)("has the platform of %o", async (options, architecture, variant) => {
    const { platform } = await scratchRootfs([program("hello", { bytes: elfBytes(options) })], {}, context);
    expect(platform).toEqual({ os: "linux", architecture, ...(variant ? { variant } : {}) });
  });

  test("keeps the variant that was asked for", async () => {
    const platform = { os: "linux", architecture: "arm", variant: "v6" } as const;
    const bytes = elfBytes({ machine: 40, class: 32 });
    expect((await scratchRootfs([program("hello", { bytes })], { platform }, context)).platform).toEqual(platform);
  });
});

describe("the key of the segment", () => {
  const keyOf = async (programs: readonly ScratchProgram[], options: ScratchOptions = {}) =>
    (await scratchRootfs(programs, options, context)).segments[0]?.key;

  test("is the same for the same programs, wherever they lie", async () => {
    const first = await keyOf([program("hello")]);
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await keyOf([{ file: program("other"), path: "/hello" }])).toBe(first);
  });

  test.each([
    ["another byte", () => program("hello", { bytes: printingProgram("x") }), {}],
    ["another time", () => program("hello", { mtime: 7 }), {}],
    ["another mode", () => program("hello", { mode: 0o555 }), {}],
    ["another name", () => program("hallo"), {}],
    ["a working directory", () => program("hello"), { runtime: { workdir: "/app" } }],
  ])("differs with %s", async (_, make, options) => {
    const first = await keyOf([program("hello")]);
    expect(await keyOf([make()], options)).not.toBe(first);
  });
});

describe("what is started", () => {
  test.each([
    ["the first program", {}, { cmd: ["/hello"] }],
    ["with other settings", { env: { A: "b" }, user: "65532" }, { env: { A: "b" }, user: "65532", cmd: ["/hello"] }],
    ["the command asked for", { cmd: ["/bin/bye", "-x"] }, { cmd: ["/bin/bye", "-x"] }],
    ["the entrypoint asked for, without a command", { entrypoint: ["/hello"] }, { entrypoint: ["/hello"] }],
    ["an entrypoint with arguments", { entrypoint: ["/hello"], cmd: ["-v"] }, { entrypoint: ["/hello"], cmd: ["-v"] }],
    ["a program on the default PATH", { cmd: ["bye"] }, { cmd: ["bye"] }],
    [
      "a program on the PATH given",
      { cmd: ["hello"], env: { PATH: "/opt:/" } },
      { cmd: ["hello"], env: { PATH: "/opt:/" } },
    ],
    ["a program from the working directory", { cmd: ["./bye"], workdir: "/bin" }, { cmd: ["./bye"], workdir: "/bin" }],
  ])("%s", async (_, runtime, expected) => {
    const programs = [program("hello"), { file: program("bye"), path: "/bin/bye" }];
    expect((await scratchRootfs(programs, { runtime }, context)).runtime).toEqual(expected);
  });

  test.each([
    [
      "a command that is not there",
      { cmd: ["/bin/sh", "-c", "hello"] },
      /^\/bin\/sh, which a container would start, is not in the image; the image has \/hello$/,
    ],
    ["an entrypoint that is not there", { entrypoint: ["/nope"], cmd: ["/hello"] }, /^\/nope, which/],
    ["a name that is not on the PATH", { cmd: ["hello"] }, /^hello, which/],
    ["no command at all", { cmd: [] }, /^nothing would be started/],
    ["a user with a strange name", { user: "a b" }, /^the user "a b" cannot have an account/],
    ["a group with a strange name", { user: "1000:a/b" }, /^the user a\/b cannot have an account/],
    [
      "a working directory that is a program",
      { workdir: "/hello" },
      /working directory \/hello cannot be in the image: \/hello is a program/,
    ],
    ["a working directory below a program", { workdir: "/hello/x" }, /working directory \/hello\/x cannot/],
  ])("is refused when it would fail: %s", async (_, runtime, message) => {
    await expect(scratchRootfs([program("hello")], { runtime }, context)).rejects.toMatchObject({
      code: "SCRATCH_RUNTIME",
      kind: "usage",
      message: expect.stringMatching(message),
    });
  });
});
