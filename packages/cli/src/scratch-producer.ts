import {
  BaseKitError,
  type ByteString,
  bufferFromBytes,
  type Context,
  checkOptions,
  defineProducer,
  type Entry,
  type Lock,
  type LockedInput,
  type Producer,
  parsePlatform,
  printable,
  type Rootfs,
  textFromBytes,
} from "@base-kit/core";
import { applyTransforms, eachSegment, mergedEntries } from "@base-kit/rootfs";
import { type ScratchInput, type ScratchOptions, type ScratchRootfs, scratchRootfs } from "@base-kit/scratch";
import type { DestinationFlags } from "./destinations.ts";
import { type RuntimeFlags, runtimeFromFlags } from "./options/runtime.ts";
import { type NeedsFlags, needsFromFlags } from "./options/scratch.ts";
import { SCRATCH } from "./producers.ts";

/** Flags that decide which files come along. They stand in the lock as they were given. */
const DECIDING = [
  "arch",
  "root",
  "fromImage",
  "with",
  "without",
  "caCertificates",
  "env",
  "user",
  "workdir",
  "entrypoint",
  "cmd",
] as const;

export type ScratchFiles = NeedsFlags & RuntimeFlags;

/** What a lock file answers: the programs, and all that decides what comes along with them. */
export interface ScratchRequest extends Pick<ScratchFiles, (typeof DECIDING)[number]> {
  readonly programs: readonly string[];
}

export function scratchRequest(programs: readonly string[], flags: ScratchFiles): ScratchRequest {
  const given = DECIDING.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]);
  return { programs, ...Object.fromEntries(given) };
}

export type GatherFlags = Pick<DestinationFlags, "importer" | "dockerHost" | "dockerContext">;

/** What `scratchRootfs` is told. */
export async function gatherOptions(
  request: ScratchRequest,
  { flags, epoch }: { readonly flags: GatherFlags; readonly epoch: number | undefined },
  context: Context,
): Promise<ScratchOptions> {
  return {
    runtime: runtimeFromFlags(request, context.env),
    ...(await needsFromFlags({ ...request, ...flags }, context)),
    ...(request.arch === undefined ? {} : { platform: parsePlatform(request.arch) }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

/**
 * Programs of a machine as something that a lock can pin: the files cannot be fetched again as they were, but whether they are
 * still the same can be told. Not among the producers of `build`, which has no programs to be told of.
 */
export const scratchPrograms: Producer<ScratchRequest> = scratchProducer(async (request, epoch, context) => {
  // Without this environment: a name in the lock must not draw a secret out of it.
  const quiet = { ...context, env: {} };
  return scratchRootfs(request.programs, await gatherOptions(request, { flags: {}, epoch }, quiet), context);
});

type Gather = (request: ScratchRequest, epoch: number | undefined, context: Context) => Promise<ScratchRootfs>;

export function scratchProducer(gather: Gather): Producer<ScratchRequest> {
  return defineProducer({
    name: SCRATCH,
    summary: "programs and what they need",
    releases: [],
    schema: requestSchema,
    resolve: async ({ sourceDateEpoch, options }, context) =>
      scratchLock(await gather(options, sourceDateEpoch, context), options, sourceDateEpoch),
    produce: async (lock, context) => {
      const rootfs = await gather(await requestOfLock(lock), lock.sourceDateEpoch, context);
      requireLocked(lock, rootfs);
      return withLockedTimes(lock, rootfs);
    },
  });
}

async function requestSchema() {
  return (await import("./scratch-schema.ts")).scratchSchema;
}

async function requestOfLock({ options }: Lock): Promise<ScratchRequest> {
  return checkOptions(await requestSchema(), options);
}

/** The lock that pins what was gathered. */
function scratchLock(rootfs: ScratchRootfs, request: ScratchRequest, epoch: number | undefined): Lock {
  return {
    lockVersion: 1,
    producer: SCRATCH,
    release: "",
    platform: rootfs.platform,
    sourceDateEpoch: epoch ?? mergedEntries(rootfs).reduce((newest, { mtime }) => Math.max(newest, mtime), 0),
    inputs: rootfs.inputs.map(lockedInput),
    options: { ...request },
  };
}

function lockedInput(input: ScratchInput): LockedInput {
  const { path, from, mtime, size, sha256, target, package: owner } = input;
  const facts = {
    ...(from.kind === "made" ? {} : { mtime: String(mtime) }),
    ...(target === undefined ? {} : { link: textFromBytes(target) }),
    ...(owner === undefined ? {} : { package: owner.name, version: owner.version }),
  };
  return {
    name: textFromBytes(path),
    url: originUrl(input),
    ...(size === undefined ? {} : { size }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(Object.keys(facts).length === 0 ? {} : { facts }),
  };
}

/** A program where it was named, a file of the root by its path in there, and what base-kit writes itself as a part of it. */
function originUrl({ path, from }: ScratchInput): string {
  if (from.kind === "program") return `file:${encoded(Buffer.from(from.file))}`;
  if (from.kind === "root") return `file://${encoded(bufferFromBytes(from.path))}`;
  return `pkg:generic/base-kit#${encoded(bufferFromBytes(path.slice(1) as ByteString))}`;
}

/** RFC 3986: what need not be encoded in a path. Names are bytes, which `encodeURI` does not know. */
function encoded(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => String.fromCharCode(byte))
    .map((each) =>
      /[\w.~!$&'()*+,;=:@/-]/.test(each) ? each : `%${each.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
    )
    .join("");
}

/** A file that was built or copied again with the same bytes has another time; that of the lock counts. */
function withLockedTimes(lock: Lock, rootfs: ScratchRootfs): Rootfs {
  const locked = new Map(lock.inputs.map((input) => [keyOf(input), Number(input.facts?.["mtime"] ?? 0)]));
  const times = new Map(rootfs.inputs.map((input) => [input.path, locked.get(keyOf(lockedInput(input))) ?? 0]));
  // As it is without a lock: folders have the time of the newest file.
  const newest = rootfs.inputs.reduce(
    (time, { path, target }) => (target === undefined ? Math.max(time, times.get(path) ?? 0) : time),
    0,
  );
  const timed = eachSegment("locked-times", [...times], function* (entries) {
    for (const entry of entries) {
      const mtime = entry.type === "directory" ? newest : times.get(`/${entry.path}` as ByteString);
      yield mtime === undefined || mtime === entry.mtime ? entry : ({ ...entry, mtime } satisfies Entry);
    }
  });
  return applyTransforms(rootfs, [timed]);
}

const NAMED_AT_MOST = 5;

/** @throws BaseKitError `SCRATCH_LOCK_DIFFERS` (verification) when a file is another one than the lock has */
function requireLocked(lock: Lock, rootfs: ScratchRootfs): void {
  const found = new Map(rootfs.inputs.map(lockedInput).map((input) => [keyOf(input), input]));
  const locked = new Map(lock.inputs.map((input) => [keyOf(input), input]));
  const differences = [
    ...lock.inputs.flatMap((input) => difference(input, found.get(keyOf(input)))),
    ...[...found.values()].filter((input) => !locked.has(keyOf(input))).map(({ name }) => `${printable(name)} is new`),
  ];
  if (differences.length === 0) return;
  const more = differences.length - NAMED_AT_MOST;
  const list = [...differences.slice(0, NAMED_AT_MOST), ...(more > 0 ? [`${more} more`] : [])].join("; ");
  throw new BaseKitError("SCRATCH_LOCK_DIFFERS", `the files are not those of the lock: ${list}`, {
    kind: "verification",
    hint: "Put back what was there, such as the locked version of a package, or remove the lock to take what is there now. Nothing was written.",
  });
}

function keyOf({ name, url }: LockedInput): string {
  return `${name}\0${url}`;
}

function difference(locked: LockedInput, found: LockedInput | undefined): readonly string[] {
  const name = printable(locked.name);
  if (found === undefined) return [`${name} is not among them any more`];
  if (locked.facts?.["link"] !== found.facts?.["link"])
    return [`${name} leads to ${printable(found.facts?.["link"] ?? "nothing")}`];
  if (locked.sha256 === found.sha256) return [];
  const [before, after] = [locked.facts?.["version"], found.facts?.["version"]];
  const why =
    before === undefined || after === undefined || before === after
      ? `expected sha256 ${locked.sha256?.slice(0, 12)}…, found ${found.sha256?.slice(0, 12)}…`
      : `${printable(found.facts?.["package"] ?? "")} was ${printable(before)} and is ${printable(after)}`;
  return [`${name} has changed (${why})`];
}
