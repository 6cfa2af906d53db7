import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { directoryRoot } from "@base-kit/elf";
import { elfBytes } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ScratchProgram, scratchContext, scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

function file(name: string, bytes: Uint8Array | string = elfBytes()): string {
  const path = join(context.dir, name);
  writeFileSync(path, bytes);
  return path;
}

/** A small system in a folder of the test. */
function rootWith(files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = join(context.dir, "root");
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

describe("a file that is no program", () => {
  test.each([
    ["an empty file", "", "SCRATCH_NOT_A_PROGRAM", /is an empty file$/],
    ["a text", "hello\n", "SCRATCH_NOT_A_PROGRAM", /is not a program \(no ELF file\)$/],
    ["a macOS program", Buffer.from("cffaedfe0c000001", "hex"), "SCRATCH_NOT_A_PROGRAM", /is a macOS program$/],
    ["a Windows program", "MZ\x90\0", "SCRATCH_NOT_A_PROGRAM", /is a Windows program$/],
    ["a Java archive", "PK\x03\x04", "SCRATCH_NOT_A_PROGRAM", /is a zip or Java archive$/],
    ["a gzip file", Buffer.from("1f8b0800", "hex"), "SCRATCH_NOT_A_PROGRAM", /is a gzip archive$/],
    [
      "a cut ELF header",
      elfBytes().subarray(0, 30),
      "ELF_TRUNCATED",
      /ELF header should be 64 bytes at offset 0, the file has 30 bytes$/,
    ],
    [
      "a cut program",
      elfBytes({ needed: ["libc.so.6"] }).subarray(0, 180),
      "ELF_TRUNCATED",
      /hello is cut short or damaged/,
    ],
    [
      "a shared library",
      elfBytes({ type: 3, soname: "liba.so.1" }),
      "SCRATCH_NOT_A_PROGRAM",
      /is a shared library, expected a program$/,
    ],
    ["an object file", elfBytes({ type: 1 }), "SCRATCH_NOT_A_PROGRAM", /is an object file that is not linked/],
    ["a core dump", elfBytes({ type: 4 }), "SCRATCH_NOT_A_PROGRAM", /is a core dump/],
    ["a program without a beginning", elfBytes({ entry: 0n }), "SCRATCH_NOT_A_PROGRAM", /entry point is 0/],
    ["a FreeBSD program", elfBytes({ osAbi: 9 }), "SCRATCH_MACHINE", /is for FreeBSD, which no Linux container runs$/],
    [
      "a SPARC program",
      elfBytes({ machine: 43, byteOrder: "big" }),
      "SCRATCH_MACHINE",
      /is for SPARC V9, 64-bit, big endian, which/,
    ],
    ["an x32 program", elfBytes({ class: 32 }), "SCRATCH_MACHINE", /is for x86-64, 32-bit/],
  ])("%s", async (_, bytes, code, message) => {
    await expect(scratchRootfs([file("hello", bytes)], {}, context)).rejects.toMatchObject({
      code,
      kind: "unsupported",
      message: expect.stringMatching(message),
    });
  });

  test.each([
    [
      "an interpreter that is missing",
      "#!/no/such/shell -e\n",
      /hello is a script for \/no\/such\/shell, which is not in/,
    ],
    [
      "an interpreter that env would not find",
      "#!/usr/bin/env no-such-shell\n",
      /a script for no-such-shell, which is not in/,
    ],
    ["hostile bytes", "#!/bin/\x1b[31msh\n", /a script for "\/bin\/\\x1b\[31msh", which/],
    ["a relative interpreter", "#!bin/sh\n", /a script for bin\/sh, which/],
    ["no interpreter", "#!\n", /^\/hello begins with #! and names no interpreter$/],
  ])("a script with %s", async (_, text, message) => {
    const root = directoryRoot(rootWith({ "usr/bin/env": elfBytes() }));
    writeFileSync(join(root.name, "hello"), text);
    await expect(scratchRootfs(["/hello"], { root }, context)).rejects.toMatchObject({
      code: "SCRATCH_INTERPRETER_MISSING",
      kind: "unsupported",
      message: expect.stringMatching(message),
    });
  });

  test("a dynamically linked program whose libraries are not there, with who needs which", async () => {
    const interpreter = "/lib64/ld-linux-x86-64.so.2";
    const root = directoryRoot(
      rootWith({
        "lib64/ld-linux-x86-64.so.2": elfBytes({ type: 3, soname: "ld-linux-x86-64.so.2" }),
        "lib64/liba.so.1": elfBytes({ type: 3, soname: "liba.so.1", needed: ["libssl.so.3"] }),
        "lib64/libarm.so": elfBytes({ type: 3, machine: 183 }),
        "opt/odd/libssl.so.3": elfBytes({ type: 3 }),
        "var/lib/dpkg/info/odd-ssl.list": "/.\n/opt/odd\n/opt/odd/libssl.so.3\n",
        hello: elfBytes({ type: 3, pie: true, interpreter, needed: ["liba.so.1", "libarm.so"] }),
      }),
    );
    await expect(scratchRootfs(["/hello"], { root }, context)).rejects.toMatchObject({
      code: "SCRATCH_LIBRARY_MISSING",
      kind: "unsupported",
      message: `the program /hello could not start: the library libarm.so needed by /hello; /lib64/libarm.so is for another machine; the library libssl.so.3 needed by /lib64/liba.so.1: not found in ${root.name}`,
      hint: expect.stringMatching(/odd-ssl has \/opt\/odd\/libssl\.so\.3.*Nothing was written/),
    });
  });

  test("a secret of the machine", async () => {
    for (const path of ["/etc/shadow", "/etc/ssh/ssh_host_rsa_key"])
      await expect(scratchRootfs([path], {}, context)).rejects.toMatchObject({ code: "SCRATCH_SECRET", kind: "usage" });
    const root = directoryRoot(rootWith({ hello: elfBytes(), "srv/.env": "TOKEN=x", "srv/a": "1" }));
    await expect(scratchRootfs(["/hello"], { root, with: ["/srv"] }, context)).rejects.toMatchObject({
      code: "SCRATCH_SECRET",
      message: expect.stringMatching(/srv\/\.env is refused/),
    });
  });

  test.each([
    ["a folder", ""],
    ["the current folder", "/."],
    ["the folder above", "/../work"],
  ])("%s", async (_, end) => {
    await expect(scratchRootfs([context.dir + end], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_NOT_A_PROGRAM",
      message: `${context.dir}${end} is a folder, expected a program`,
      hint: expect.stringContaining("base-kit import"),
    });
  });

  test("a named pipe, without waiting for a writer", async () => {
    const pipe = join(context.dir, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await expect(scratchRootfs([pipe], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_NOT_A_PROGRAM",
      message: expect.stringContaining("is a named pipe"),
    });
  });

  test("a device", async () => {
    await expect(scratchRootfs(["/dev/null"], {}, context)).rejects.toMatchObject({ code: "SCRATCH_NOT_A_PROGRAM" });
  });
});

describe("a file that cannot be read", () => {
  test("because it is missing", async () => {
    await expect(scratchRootfs(["./no such\nprogram"], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PROGRAM_MISSING",
      kind: "usage",
      message: 'the program "./no such\\nprogram" does not exist',
    });
  });

  test("because a part of its path is a file", async () => {
    await expect(scratchRootfs([join(file("hello"), "x")], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PROGRAM_MISSING",
    });
  });

  test.runIf(process.platform === "linux")("because reading it fails", async () => {
    // The first page of a process's memory is never mapped, for root neither.
    await expect(scratchRootfs(["/proc/self/mem"], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PROGRAM_UNREADABLE",
      kind: "environment",
      message: "reading the program /proc/self/mem failed: the disk or the device reports an error (EIO)",
    });
  });
});

describe("a program that changes while it is read", () => {
  const large = Buffer.concat([elfBytes(), Buffer.alloc(3 * 1024 ** 2)]);

  async function whileReading(change: (path: string) => void): Promise<unknown> {
    context.dispose();
    let changed = false;
    context = testContext({
      onEvent: (event) => {
        if (event.type !== "step.progressed" || changed) return;
        changed = true;
        change(join(context.dir, "hello"));
      },
    });
    const result = await scratchRootfs([file("hello", large)], {}, context).catch((error: unknown) => error);
    expect(changed).toBe(true);
    return result;
  }

  test.each([
    ["grows", (path: string) => appendFileSync(path, "more")],
    ["is emptied", (path: string) => writeFileSync(path, "")],
    [
      "gets other bytes and its old times back",
      (path: string) => {
        // So that the clock of the file system has moved on.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
        writeFileSync(path, Buffer.alloc(large.length));
        utimesSync(path, 1000, 1000);
      },
    ],
  ])("%s", async (_, change) => {
    expect(await whileReading(change)).toMatchObject({
      code: "SCRATCH_PROGRAM_CHANGED",
      message: expect.stringMatching(/hello changed while it was read$/),
    });
  });

  test("stops when it is told to", async () => {
    context.dispose();
    const stop = new AbortController();
    context = testContext({
      signal: stop.signal,
      onEvent: (event) => event.type === "step.progressed" && stop.abort(),
    });
    await expect(scratchRootfs([file("hello", large)], {}, context)).rejects.toMatchObject({ name: "AbortError" });
    expect(readdirSync(context.tempDir)).toEqual([]);
  });
});

describe("programs that do not go together", () => {
  test("none", async () => {
    await expect(scratchRootfs([], {}, context)).rejects.toMatchObject({ code: "SCRATCH_NO_PROGRAM", kind: "usage" });
  });

  test("for another architecture than asked for", async () => {
    const platform = { os: "linux", architecture: "arm64", variant: "v8" } as const;
    await expect(scratchRootfs([file("hello")], { platform }, context)).rejects.toMatchObject({
      code: "SCRATCH_ARCHITECTURE",
      kind: "usage",
      message: `the program ${join(context.dir, "hello")} is for linux/amd64, expected linux/arm64, which was asked for`,
    });
  });

  test("for two architectures", async () => {
    const programs = [file("a"), file("b", elfBytes({ machine: 183 }))];
    await expect(scratchRootfs(programs, {}, context)).rejects.toMatchObject({
      code: "SCRATCH_ARCHITECTURE",
      message: `the program ${programs[1]} is for linux/arm64, expected linux/amd64 like ${programs[0]}`,
    });
  });

  test.each([
    [
      "of the same name",
      ["one/hello", "two/hello"],
      undefined,
      /one\/hello and \S+two\/hello cannot both be in the image: their places would be \/hello and \/hello$/,
    ],
    [
      "of which one is in the other",
      ["one/hello", "two/hello"],
      "/hello/hello",
      /places would be \/hello and \/hello\/hello$/,
    ],
  ])("%s", async (_, names, path, message) => {
    for (const folder of ["one", "two"]) mkdirSync(join(context.dir, folder));
    const [first = "", second = ""] = names.map((name) => file(name));
    const programs: ScratchProgram[] = [first, path === undefined ? second : { file: second, path }];
    await expect(scratchRootfs(programs, {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PATH_TAKEN",
      kind: "usage",
      message: expect.stringMatching(message),
    });
  });
});

describe("a place that an image does not have", () => {
  test.each([
    ["relative", "bin/hello", /begins with \//],
    ["the root", "/", /names something/],
    ["a folder's", "/bin/", /empty part/],
    ["above the root", "/../hello", /\.\./],
    ["with an empty part", "/bin//hello", /empty part/],
    ["with a zero byte", "/he\0llo", /zero bytes/],
    ["with half a character", "/he\ud800llo", /not valid UTF-8/],
    ["of a deleted file", "/.wh.hello", /deleted files/],
    ["too long a name", `/${"x".repeat(256)}`, /longer than 255/],
    ["too long a path", `/${"x/".repeat(2048)}x`, /longer than 4095/],
    ["in /proc", "/proc/hello", /Docker puts something/],
    ["instead of /dev", "/dev", /Docker puts something/],
    ["instead of /etc", "/etc", /Docker puts something/],
  ])("%s", async (_, path, message) => {
    await expect(scratchRootfs([{ file: file("hello"), path }], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PATH",
      kind: "usage",
      message: expect.stringMatching(message),
    });
  });

  test("is known before anything is read", async () => {
    await expect(scratchRootfs([{ file: "/no/such/file", path: "x" }], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_PATH",
    });
  });
});

test("a refused program leaves no folder behind", async () => {
  const out = join(context.dir, "out");
  await expect(scratchContext([file("hello", "text\n")], out, {}, context)).rejects.toMatchObject({
    code: "SCRATCH_NOT_A_PROGRAM",
  });
  expect(readdirSync(context.dir)).toEqual(["hello"]);
});
