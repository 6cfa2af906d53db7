import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { createExec } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { writeTar } from "@base-kit/tar";
import { entriesFromText, readContent, requires, textFromEntries } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  archiveDirectory,
  directorySegment,
  isSameTree,
  mergedEntries,
  packDirectory,
  tarSegment,
} from "../src/index.ts";

const TREE = [
  "directory 755 0:0@100 ./",
  "directory 1777 0:0@100 a/",
  'file 4755 0:0@100 a/su "su" {security.capability="\\u0001\\u0000\\u0000\\u0002\\u0000 \\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000" user.note="a\\n=\\u0000b"}',
  "hardlink 4755 0:0@100 a/su2 => a/su",
  'file 644 300000:400000@-5 a-b "x"',
  'file 644 0:0@100 a.b ""',
  'file 644 0:0@100 "caf\u00e9" "latin"',
  "fifo 600 0:0@100 fifo",
  'file 644 0:0@8589934592 late "2242"',
  "character-device 666 0:0@100 null 1,3",
  "symlink 777 0:0@100 soft -> ../no/where",
].join("\n");

describe.skipIf(requires("tar", "root").skip)("a directory on disk", () => {
  let folder: string;
  let tree: string;
  let events: Event[];
  let abort: AbortController;
  let context: Context;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    tree = join(folder, "tree");
    mkdirSync(tree);
    mkdirSync(join(folder, "temp"));
    events = [];
    abort = new AbortController();
    context = {
      tempDir: join(folder, "temp"),
      signal: abort.signal,
      env: process.env,
      exec: createExec({ signal: abort.signal }),
      store: createStore(join(folder, "cache")),
      reporter: { emit: (event: Event) => void events.push(event) },
      clock: { now: () => 0, monotonicMs: () => 0 },
    } as unknown as Context;
    // GNU tar lays the tree down, xattrs, devices and all; nothing else on every machine could.
    const archive = join(folder, "tree.tar");
    writeFileSync(archive, await readContent(writeTar(entriesFromText(TREE))));
    execFileSync("tar", ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive, "-C", tree], {
      stdio: "ignore",
    });
    execFileSync("touch", ["--date=@100", tree]);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("is read with everything Node alone would lose", async () => {
    const segment = await directorySegment(tree, context);
    expect(await textFromEntries(segment.entries())).toBe(TREE);
  });

  test("has the same key again, and another after a change", async () => {
    const first = await directorySegment(tree, context);
    expect((await directorySegment(tree, context)).key).toBe(first.key);
    appendFileSync(join(tree, "a.b"), "!");
    expect((await directorySegment(tree, context)).key).not.toBe(first.key);
    // What was read stays what it was.
    expect(await textFromEntries(first.entries())).toBe(TREE);
  });

  test("is packed in one pass as the tree would be", async () => {
    const packed = await readContent(packDirectory(tree, context));
    const segments = [await directorySegment(tree, context)];
    expect(packed.equals(await readContent(writeTar(mergedEntries({ segments }))))).toBe(true);
  });

  test("comes with its archive, which is what would be written of its entries", async () => {
    const segment = await directorySegment(tree, context);
    const merged = mergedEntries({ segments: [segment] });
    expect(isSameTree(segment.entries(), merged)).toBe(true);
    const bytes = readFileSync(segment.archive?.path ?? "");
    expect(bytes.equals(await readContent(writeTar(merged)))).toBe(true);
    expect(segment.archive).toMatchObject({
      size: bytes.length,
      digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    });
  });

  test("is archived into a file as in one pass, whether GNU tar's headers are ours or not", async () => {
    const archived = async (options: Parameters<typeof archiveDirectory>[2] = {}) => {
      const file = join(folder, "archived.tar");
      writeFileSync(file, "");
      const { ino } = statSync(file);
      await archiveDirectory({ directory: tree, file }, context, options);
      const bytes = readFileSync(file);
      expect(bytes.equals(await readContent(packDirectory(tree, context, options)))).toBe(true);
      return { bytes, inPlace: statSync(file).ino === ino };
    };
    expect(await archived()).toMatchObject({ inPlace: false });
    expect(await archived({ clampTimes: 50, exclude: ["a/su"] })).toMatchObject({ inPlace: false });
    // Nothing here that GNU tar says at another length than we do.
    tree = join(folder, "usual");
    const deep = join(tree, "deep/".repeat(30));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, "n".repeat(100)), "long");
    writeFileSync(join(tree, "caf\u00e9 \u4e2d"), "utf-8");
    writeFileSync(join(tree, "-rf:x"), "x".repeat(3_000_000));
    linkSync(join(tree, "-rf:x"), join(tree, "again"));
    symlinkSync("./deep", join(tree, "dot"));
    execFileSync("tar", ["--xattrs", "--xattrs-include=*", "-xpf", join(folder, "tree.tar"), "-C", tree, "a/su"]);
    const { bytes, inPlace } = await archived();
    expect(inPlace).toBe(true);
    const segments = [await directorySegment(tree, context)];
    expect(bytes.equals(await readContent(writeTar(mergedEntries({ segments }))))).toBe(true);
    expect((await archived({ clampTimes: 50 })).inPlace).toBe(true);
  });

  test("is packed with its times clamped, and without what is excluded", async () => {
    const file = join(folder, "packed.tar");
    const options = { clampTimes: 50, exclude: ["a/su"], excludePatterns: ["a[.]?"], empty: ["no such"] };
    writeFileSync(file, await readContent(packDirectory(tree, context, options)));
    const entries = [...(await tarSegment(file, context)).entries()];
    expect(entries.map(({ path }) => path)).toEqual([
      "",
      "a",
      "a/su2",
      "a-b",
      "caf\xe9",
      "fifo",
      "late",
      "null",
      "soft",
    ]);
    expect(Math.max(...entries.map(({ mtime }) => mtime))).toBe(50);
    expect(entries.find(({ path }) => path === "a/su2")?.type).toBe("file");
  });

  test("keeps directories whose content is left out", async () => {
    const segment = await directorySegment(tree, context, { empty: ["/a"] });
    expect([...segment.entries()].map(({ path }) => path).filter((path) => path.startsWith("a"))).toEqual([
      "a",
      "a-b",
      "a.b",
    ]);
  });

  test("leaves another file system out and says so", async () => {
    mkdirSync(join(tree, "mnt"));
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", join(tree, "mnt")]);
    try {
      writeFileSync(join(tree, "mnt/inside"), "x");
      const segment = await directorySegment(tree, context);
      expect([...segment.entries()].map(({ path }) => path).filter((path) => path.startsWith("mnt"))).toEqual(["mnt"]);
      expect(events).toContainEqual({ type: "noted", message: expect.stringMatching(/mounted there: \/mnt$/) });
    } finally {
      execFileSync("umount", [join(tree, "mnt")]);
    }
  });

  test("that cannot be read is an error that names the file, and leaves no spool", async () => {
    const powerless: Context["exec"] = (file, args, options) =>
      context.exec("setpriv", ["--bounding-set=-all", "--inh-caps=-all", "--", file, ...args], options);
    writeFileSync(join(tree, "secret"), "x", { mode: 0 });
    await expect(directorySegment(tree, { ...context, exec: powerless })).rejects.toMatchObject({
      code: "DIRECTORY_UNREADABLE",
      kind: "environment",
      message: expect.stringContaining("secret: Cannot open: Permission denied"),
    });
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test("that is stopped half-way leaves no spool and no tar", async () => {
    execFileSync("truncate", ["--size=2G", join(tree, "large")]);
    const reading = expect(directorySegment(tree, context)).rejects.toThrow("stopped");
    const spooled = () => readdirSync(context.tempDir).some((name) => statSync(join(context.tempDir, name)).size > 0);
    await expect.poll(spooled, { interval: 5 }).toBe(true);
    abort.abort(new Error("stopped"));
    await reading;
    expect(readdirSync(context.tempDir)).toEqual([]);
    const ps = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    expect(ps).not.toContain(`--directory=${tree}`);
  });

  test.each([
    ["missing", "DIRECTORY_MISSING"],
    ["a.b", "DIRECTORY_NOT_ONE"],
    ["soft", "DIRECTORY_NOT_ONE"],
  ])("named %s is refused", async (name, code) => {
    await expect(directorySegment(join(tree, name), context)).rejects.toMatchObject({ code, kind: "usage" });
  });

  test.each([
    ["plain", ["cat"]],
    ["gzip", ["gzip", "-c"]],
    ["xz", ["xz", "-c"]],
    ["zstd", ["zstd", "-qc"]],
  ])("or its %s tar, told by content and not by name, holds the same", async (_kind, [program, ...args]) => {
    const file = join(folder, "misnamed.zip");
    const compressor = spawn(program as string, args, { stdio: ["pipe", "pipe", "inherit"] });
    const output = readContent(compressor.stdout);
    compressor.stdin.end(await readContent(packDirectory(tree, context)));
    writeFileSync(file, await output);
    if (compressor.exitCode === null) await once(compressor, "close");
    expect(await textFromEntries((await tarSegment(file, context)).entries())).toBe(TREE);
  });
});
