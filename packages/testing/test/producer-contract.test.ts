import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseKitError, type Context, type Entry, type Lock, type Producer, parsePlatform, step } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { entriesFromText, producerContract } from "../src/index.ts";

interface DemoOptions {
  readonly mirror: string;
  readonly slim?: boolean | undefined;
}

const TREE = `
  directory 755 0:0 etc/
  file 644 0:0 etc/hostname "demo"
  hardlink 644 0:0 etc/name => etc/hostname
`;

/** A producer that does everything right, and changes of it that do not. */
function demo(
  changes: {
    readonly lock?: (lock: Lock) => object;
    readonly entries?: () => Iterable<Entry>;
    readonly key?: () => string;
  } & Partial<Producer<DemoOptions>> = {},
): Producer<DemoOptions> {
  const { lock = (same) => same, entries = () => entriesFromText(TREE), key = () => "demo", ...own } = changes;
  const schema = z.strictObject({ mirror: z.string(), slim: z.boolean().optional() });
  return {
    name: "demo",
    summary: "for this test",
    releases: ["1"],
    schema: async () => schema,
    resolve: ({ release = "1", platform, sourceDateEpoch = 0, options }, context) =>
      step(context, "resolving", () => {
        context.signal.throwIfAborted();
        const usage = (message: string) => new BaseKitError("DEMO_INVALID", message, { kind: "usage" });
        if (release !== "1") throw usage("there is no such release");
        const checked = schema.safeParse(options);
        if (!checked.success) throw usage(checked.error.issues.map(({ message }) => message).join());
        const inputs = [{ name: "demo", url: "https://mirror.example/demo" }];
        const made = {
          lockVersion: 1,
          producer: "demo",
          release,
          platform,
          sourceDateEpoch,
          inputs,
          options: checked.data,
        } as const;
        return lock(made) as Lock;
      }),
    produce: ({ platform }, context) =>
      step(context, "producing", () => {
        context.signal.throwIfAborted();
        const segment = { key: key(), origin: "base", entries };
        return { platform, osRelease: {}, packages: [], segments: [segment], runtime: {} };
      }),
    ...own,
  };
}

async function createContext({ signal }: { readonly signal: AbortSignal }): Promise<Context & AsyncDisposable> {
  const tempDir = mkdtempSync(join(tmpdir(), "contract-test-"));
  const unused = () => Promise.reject(new Error("not used here"));
  return {
    tempDir,
    signal,
    env: {},
    reporter: { emit: () => {} },
    clock: { now: () => 0, monotonicMs: () => performance.now() },
    store: { get: unused, put: unused, recall: unused, remember: unused },
    fetch: unused,
    exec: unused,
    [Symbol.asyncDispose]: async () => rmSync(tempDir, { recursive: true, force: true }),
  };
}

/** Names of the checks that a producer does not pass, of all or of those that are `asked`: some of them take their time. */
async function failed(producer: Producer<DemoOptions>, asked = (_name: string) => true): Promise<string[]> {
  const given = { release: "1", platform: parsePlatform("amd64"), options: { mirror: "x" }, createContext };
  const names: string[] = [];
  for (const check of producerContract(producer, given).filter(({ name }) => asked(name))) {
    await check.run().catch(() => names.push(check.name));
  }
  return names;
}

test("a producer that keeps the contract passes every check", async () => {
  expect(await failed(demo())).toEqual([]);
  const decided = (lock: Lock) => ({ ...lock, options: { ...lock.options, decided: ["this"] } });
  expect(await failed(demo({ lock: decided }), (name) => name === OPTIONS)).toEqual([]);
});

let count = 0;
const entries = (text: string) => () => entriesFromText(text);
const withInput = (url: string) => (lock: Lock) => ({ ...lock, inputs: [{ name: "demo", url }] });
const SAME = "a lock that went through a file produces the same segments and entries again";
const ORDER = "parents come before children, no path comes twice, hard links lead to files before them";
const OPTIONS = "the lock has the options as the schema gives them, and whatever else under names of no option";
const JSON_LOCK = "resolve gives a lock of plain JSON that names its inputs";

describe("a producer that does not keep it fails the check that is about it", () => {
  test.each<[string, string, Producer<DemoOptions>]>([
    ["has credentials in its lock", JSON_LOCK, demo({ lock: withInput("https://me:secret@mirror.example/demo") })],
    ["has a Date in its lock", JSON_LOCK, demo({ lock: (lock) => ({ ...lock, options: { mirror: new Date(0) } }) })],
    ["has undefined in its lock", JSON_LOCK, demo({ lock: (lock) => ({ ...lock, options: { mirror: undefined } }) })],
    ["names no inputs", JSON_LOCK, demo({ lock: (lock) => ({ ...lock, inputs: [] }) })],
    [
      "resolves differently each time",
      "resolving twice gives the same lock",
      demo({ lock: (lock) => ({ ...lock, release: `${count++}` }) }),
    ],
    [
      "takes no date",
      "a date that is asked for is the lock's",
      demo({ lock: (lock) => ({ ...lock, sourceDateEpoch: 5 }) }),
    ],
    ["locks other options", OPTIONS, demo({ lock: (lock) => ({ ...lock, options: { mirror: "y" } }) })],
    ["forgets options", OPTIONS, demo({ lock: (lock) => ({ ...lock, options: {} }) })],
    ["locks an option in another form", OPTIONS, demo({ lock: (lock) => ({ ...lock, options: { mirror: ["x"] } }) })],
    [
      "locks an option that nobody asked for",
      OPTIONS,
      demo({ lock: (lock) => ({ ...lock, options: { mirror: "x", slim: true } }) }),
    ],
    ["has other keys each time", SAME, demo({ key: () => `key-${count++}` })],
    ["has other content each time", SAME, demo({ entries: () => entriesFromText(`file 644 0:0 x "${count++}"`) })],
    ["has other times each time", SAME, demo({ entries: () => entriesFromText(`file 644 0:0@${count++} x "x"`) })],
    [
      "produces nothing",
      "the platform is the one asked for, and there is something in the root filesystem",
      demo({ entries: () => [] }),
    ],
    [
      "brings a child before its parent",
      ORDER,
      demo({ entries: entries(`file 644 0:0 a/b "x"\ndirectory 755 0:0 a/`) }),
    ],
    ["brings no parent", ORDER, demo({ entries: entries(`file 644 0:0 a/b "x"`) })],
    ["brings a path twice", ORDER, demo({ entries: entries(`file 644 0:0 a "x"\nfile 644 0:0 a "x"`) })],
    ["links to nothing", ORDER, demo({ entries: entries("hardlink 644 0:0 a => b") })],
    ["has a path upwards", ORDER, demo({ entries: entries(`directory 755 0:0 ../\nfile 644 0:0 ../a "x"`) })],
    ["has an absolute path", ORDER, demo({ entries: entries(`file 644 0:0 /a "x"`) })],
    [
      "lets unknown options pass",
      "an option that does not exist is refused by its name",
      demo({ schema: async () => z.looseObject({ mirror: z.string() }) }),
    ],
    [
      "works on after an abort",
      "produce stops when aborted before it starts",
      demo({
        produce: async (lock, context) => demo().produce(lock, { ...context, signal: new AbortController().signal }),
      }),
    ],
  ])("%s", async (_, check, producer) => {
    expect(await failed(producer, (name) => name === check)).toEqual([check]);
  });

  test("takes any release", async () => {
    const names = await failed(
      demo({ resolve: (request, context) => demo().resolve({ ...request, release: "1" }, context) }),
      (name) => name.endsWith("is refused"),
    );
    expect(names).toHaveLength(11);
  });

  test("leaves something behind after an abort", async () => {
    const left: string[] = [];
    const given = {
      release: "1",
      platform: parsePlatform("amd64"),
      options: { mirror: "x" },
      createContext: async (options: { signal: AbortSignal }) => {
        const context = await createContext(options);
        left.push(context.tempDir);
        return { ...context, [Symbol.asyncDispose]: async () => {} };
      },
    };
    const check = producerContract(demo(), given).find(({ name }) => name.startsWith("produce stops"));
    await expect(check?.run()).rejects.toThrow("is still there");
    expect(left.every((dir) => existsSync(dir))).toBe(true);
    for (const dir of left) rmSync(dir, { recursive: true });
  });
});
