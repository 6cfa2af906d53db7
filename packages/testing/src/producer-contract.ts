import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ByteString,
  type Context,
  type Entry,
  isBaseKitError,
  type Lock,
  type Platform,
  type Producer,
  printable,
  type Rootfs,
} from "@base-kit/core";
import { readContent } from "./tree.ts";

export interface ProducerContractOptions<Options> {
  /** One that can be resolved and produced. */
  readonly release: string;
  readonly platform: Platform;
  readonly options: Options;
  /** A fresh context; its signal is the given one, and disposing it removes its temporary directory. */
  createContext(options: { readonly signal: AbortSignal }): Promise<Context & AsyncDisposable>;
}

export interface ContractCheck {
  readonly name: string;
  /** @throws AssertionError */
  run(): Promise<void>;
}

/** How long a producer may take to notice that nobody wants its work any more. */
const STOP_WITHIN_MS = 10_000;

/** What a release is never called: it becomes a path, a URL or an argument. */
const HOSTILE_RELEASES = ["../../etc", "--help", "", "3.20\n", "$(id)", "a b", "/etc", "\u0000", "x;y", "..", "%2e%2e"];

/**
 * What everything after a producer relies on, as checks that any test runner can run:
 *
 * `for (const check of producerContract(alpine, …)) test(check.name, check.run);`
 */
export function producerContract<Options>(
  producer: Producer<Options>,
  given: ProducerContractOptions<Options>,
): readonly ContractCheck[] {
  const { release, platform, options } = given;
  const request = { release, platform, options, sourceDateEpoch: undefined };
  const within = async <T>(work: (context: Context) => Promise<T>): Promise<T> => {
    await using context = await given.createContext({ signal: new AbortController().signal });
    return await work(context);
  };
  // Producing may take a minute: it is done twice, however many checks look at it.
  const lock = once(() => within((context) => producer.resolve(request, context)));
  const first = once(async () => within(async (context) => snapshot(await producer.produce(await lock(), context))));

  return [
    {
      name: "resolve gives a lock of plain JSON that names its inputs",
      run: async () => checkLock(producer, await lock()),
    },
    {
      name: "resolving twice gives the same lock",
      run: async () => assert.deepEqual(await within((context) => producer.resolve(request, context)), await lock()),
    },
    {
      name: "a date that is asked for is the lock's",
      run: async () => {
        const asked = await within((context) => producer.resolve({ ...request, sourceDateEpoch: 86_400 }, context));
        assert.equal(asked.sourceDateEpoch, 86_400);
      },
    },
    {
      name: "the lock has the options as the schema gives them, and whatever else under names of no option",
      run: async () => checkOptions(producer, options, (await lock()).options),
    },
    {
      name: "a lock that went through a file produces the same segments and entries again",
      run: async () => {
        const fromFile = JSON.parse(JSON.stringify(await lock())) as Lock;
        // At the same time: neither knows of the other.
        const again = within(async (context) => snapshot(await producer.produce(fromFile, context)));
        const [one, other] = await Promise.all([first(), again]);
        assert.deepEqual(other, one);
      },
    },
    {
      name: "the platform is the one asked for, and there is something in the root filesystem",
      run: async () => {
        const { rootfs, segments } = await first();
        assert.deepEqual(rootfs.platform, platform);
        assert.ok(segments.some(({ entries }) => entries.length > 0));
      },
    },
    {
      name: "parents come before children, no path comes twice, hard links lead to files before them",
      run: async () => checkOrder((await first()).segments.flatMap(({ entries }) => entries)),
    },
    {
      name: "an option that does not exist is refused by its name",
      run: () => within((context) => refusesUnknownOption(producer, { ...request, options }, context)),
    },
    ...HOSTILE_RELEASES.map((hostile) => ({
      name: `the release ${JSON.stringify(hostile)} is refused`,
      run: () => within((context) => refusesRelease(producer, { ...request, release: hostile }, context)),
    })),
    ...(["before it starts", "while it works"] as const).flatMap((when) => [
      {
        name: `resolve stops when aborted ${when}`,
        run: () => stops(given, when, (context) => producer.resolve(request, context)),
      },
      {
        name: `produce stops when aborted ${when}`,
        run: async () => {
          const resolved = await lock();
          await stops(given, when, (context) => producer.produce(resolved, context));
        },
      },
    ]),
  ];
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

function checkLock(producer: Producer<never> | Producer<unknown>, lock: Lock): void {
  assert.deepEqual(JSON.parse(JSON.stringify(lock)), lock, "undefined, Date or a class is no JSON");
  assert.equal(lock.lockVersion, 1);
  assert.equal(lock.producer, producer.name);
  assert.ok(Number.isSafeInteger(lock.sourceDateEpoch) && lock.sourceDateEpoch >= 0, "whole seconds since 1970");
  assert.ok(lock.inputs.length > 0);
  for (const input of lock.inputs) {
    const url = new URL(input.url);
    assert.equal(`${url.username}${url.password}`, "", `${input.name} holds credentials`);
    assert.match(input.sha256 ?? "0".repeat(64), /^[0-9a-f]{64}$/);
    assert.match(input.sha512 ?? "0".repeat(128), /^[0-9a-f]{128}$/);
  }
}

/** What a producer decided may stand beside the options, where nobody could give it. */
async function checkOptions<Options>(
  producer: Producer<Options>,
  given: Options,
  locked: Readonly<Record<string, unknown>>,
): Promise<void> {
  const schema = await producer.schema();
  const asked = JSON.parse(JSON.stringify(schema.parse(given))) as Record<string, unknown>;
  for (const [name, value] of Object.entries(asked)) assert.deepEqual(locked[name], value, `another ${name}`);
  for (const name of Object.keys(locked).filter((each) => !Object.hasOwn(asked, each))) {
    const parsed = schema.safeParse({ ...given, [name]: locked[name] });
    const isUnknown = ({ code, ...issue }: { readonly code?: string; readonly keys?: readonly PropertyKey[] }) =>
      code === "unrecognized_keys" && issue.keys?.includes(name);
    assert.ok(parsed.error?.issues.some(isUnknown), `nobody asked for ${name}, which is an option`);
  }
}

interface Snapshot {
  readonly rootfs: Omit<Rootfs, "segments">;
  readonly segments: readonly {
    readonly key: string;
    readonly origin: string;
    readonly entries: readonly EntryFacts[];
  }[];
}

type EntryFacts = Omit<Entry, "content"> & { readonly sha256?: string; readonly target?: ByteString };

/** Everything there is, contents as digests; the entries are asked for twice, as layers and validation do. */
async function snapshot({ segments, ...rootfs }: Rootfs): Promise<Snapshot> {
  const read: Snapshot["segments"][number][] = [];
  for (const segment of segments) {
    const entries = await Promise.all([...segment.entries()].map(facts));
    assert.deepEqual(
      [...segment.entries()].map(({ path }) => path),
      entries.map(({ path }) => path),
      `the segment ${segment.origin} gives other entries the second time`,
    );
    read.push({ key: segment.key, origin: segment.origin, entries });
  }
  return { rootfs, segments: read };
}

async function facts(entry: Entry): Promise<EntryFacts> {
  if (entry.type !== "file") return entry;
  const { content, ...rest } = entry;
  const bytes = await readContent(entry.content());
  assert.equal(bytes.length, entry.size, `${printable(entry.path)} has another size than it says`);
  return { ...rest, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function checkOrder(entries: readonly EntryFacts[]): void {
  const seen = new Map<string, EntryFacts>();
  for (const entry of entries) {
    const name = printable(entry.path);
    assert.ok(!seen.has(entry.path), `${name} comes twice`);
    assert.ok(entry.path === "" || !/^\/|\/$|(?:^|\/)\.{0,2}(?:\/|$)/.test(entry.path), `${name} is not a clean path`);
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    if (parent !== "") assert.equal(seen.get(parent)?.type, "directory", `${name} comes before its directory`);
    if (entry.type === "hardlink") {
      assert.equal(seen.get(entry.target ?? "")?.type, "file", `${name} is a hard link to no file before it`);
    }
    seen.set(entry.path, entry);
  }
}

type Request<Options> = Parameters<Producer<Options>["resolve"]>[0];

async function refusesUnknownOption<Options>(
  producer: Producer<Options>,
  request: Request<Options>,
  context: Context,
): Promise<void> {
  const options = { ...request.options, noSuchOption: "x" } as Options;
  const parsed = (await producer.schema()).safeParse(options);
  assert.ok(!parsed.success, "the schema lets an unknown option pass");
  assert.match(JSON.stringify(parsed.error.issues), /noSuchOption/);
  const error = await errorOf(producer.resolve({ ...request, options }, context));
  assert.ok(isBaseKitError(error), `expected a BaseKitError, got ${String(error)}`);
  assert.equal(error.kind, "usage");
  assert.match(error.message, /noSuchOption/i);
}

async function refusesRelease<Options>(
  producer: Producer<Options>,
  request: Request<Options>,
  context: Context,
): Promise<void> {
  let fetched = 0;
  const fetch: Context["fetch"] = (...args) => {
    fetched++;
    return context.fetch(...args);
  };
  const error = await errorOf(producer.resolve(request, { ...context, fetch }));
  assert.ok(isBaseKitError(error), `expected a BaseKitError, got ${String(error)}`);
  assert.equal(error.kind, "usage", error.message);
  assert.equal(fetched, 0, "something was fetched before the name was looked at");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  assert.doesNotMatch(error.message, /[\x00-\x09\x0b-\x1f\x7f]/, "the message shows the name unescaped");
}

async function stops<Options>(
  given: ProducerContractOptions<Options>,
  when: "before it starts" | "while it works",
  work: (context: Context) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("nobody wants it any more");
  const context = await given.createContext({ signal: controller.signal });
  try {
    if (when === "before it starts") controller.abort(reason);
    const started = performance.now();
    const working = errorOf(work(abortingAtFirstEvent(context, () => controller.abort(reason))));
    const error = await working;
    assert.ok(error !== undefined, "it went on to the end");
    assert.ok(performance.now() - started < STOP_WITHIN_MS, "it took too long to stop");
  } finally {
    await context[Symbol.asyncDispose]();
  }
  // Nothing that was started may still be writing.
  await sleep(50);
  assert.ok(!existsSync(context.tempDir), `${context.tempDir} is still there`);
}

/** When the first step is told: every producer has one. */
function abortingAtFirstEvent(context: Context, abort: () => void): Context {
  return {
    ...context,
    reporter: {
      emit: (event) => {
        context.reporter.emit(event);
        if (event.type === "step.started") abort();
      },
    },
  };
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
