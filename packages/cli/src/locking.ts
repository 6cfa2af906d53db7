import {
  BaseKitError,
  type BuiltImage,
  type Context,
  canonicalJson,
  formatPlatform,
  type Lock,
  type LockedPlatform,
  type LockFile,
  type LockRequest,
  type Platform,
  type Producer,
  printable,
  requestDifferences,
  step,
} from "@base-kit/core";
import { vendoredStore } from "@base-kit/store";
import { LOCK_NAME, readLockFile, requireLockPlace, requireSameRequest, writeLockFile } from "./lock-store.ts";
import { requireNoRollback } from "./rollback.ts";

export interface LockFlags {
  /** True for `base-kit.lock`. */
  readonly lockfile?: string | true;
  readonly frozenLockfile?: boolean;
  /** The lock may lie beside what these make. */
  readonly output?: readonly string[];
}

/** `--vendor` of the commands that make images: a folder with copies of the locked inputs. */
export interface VendorFlags {
  readonly vendor?: string;
}

/** The context whose store also finds what lies there. */
export async function withVendored(context: Context, { vendor }: VendorFlags): Promise<Context> {
  return vendor === undefined ? context : { ...context, store: await vendoredStore(context.store, vendor, context) };
}

/** What is asked of a producer, without the platform. */
export interface Asked {
  readonly producer: Producer;
  readonly release: string | undefined;
  /** As its schema gave them. */
  readonly options: unknown;
  /** Seconds since 1970, when it was given. */
  readonly sourceDateEpoch: number | undefined;
}

/** The locks of one build: out of the file when it has them, else new. */
export interface Locking {
  lockFor(platform: Platform): Promise<Lock>;
  /** What the file has; undefined where it may be decided anew. */
  recorded(platform: Platform): Lock | undefined;
  /** Writes the file if that was asked for, with what was built. */
  finish(built: readonly LockedPlatform[]): Promise<void>;
}

/**
 * `--lockfile` uses the file and writes it when it is missing; `--frozen-lockfile` only uses it. Without either, a
 * `base-kit.lock` in the working directory is used when it answers the same request.
 *
 * @throws BaseKitError `LOCK_MISSING`, `LOCK_OTHER_REQUEST`, `LOCK_INVALID` (usage), `LOCK_TOO_NEW` (unsupported),
 *   `LOCK_UNREADABLE`, `WRITE_FAILED` (environment); `lockFor`: `LOCK_PLATFORM_MISSING` (usage), `LOCK_ROLLBACK` (verification)
 */
export async function openLocking(asked: Asked, flags: LockFlags, context: Context): Promise<Locking> {
  const path = typeof flags.lockfile === "string" ? flags.lockfile : LOCK_NAME;
  const frozen = flags.frozenLockfile === true;
  const writes = flags.lockfile !== undefined && !frozen;
  const request = requestOf(asked);
  const file = await readLockFile(path);
  const made = (flags.output ?? []).flatMap((output) => /^(?:oci|rootfs):([^:]+)/.exec(output)?.[1] ?? []);
  if (writes) await requireLockPlace(path, made);
  if (file === undefined && frozen) throw missing(path);
  if (file !== undefined && (frozen || writes)) requireSameRequest(path, file, request);
  const usable = file !== undefined && fits(file, { path, request }, context) ? file : undefined;
  const recorded = (platform: Platform): Lock | undefined => {
    const found = usable?.platforms.find(({ lock }) => isSame(lock.platform, platform));
    if (found !== undefined) return withEpoch(found.lock, asked.sourceDateEpoch);
    if (frozen) throw platformMissing(path, platform);
    return undefined;
  };
  return {
    recorded,
    lockFor: async (platform) => {
      const found = recorded(platform);
      if (found !== undefined) return found;
      const made = await resolveFor(asked, platform, context);
      requireNoRollback(made, { file: path, before: usable });
      return made;
    },
    finish: async (built) => {
      for (const each of built) warnIfOther(each, usable, context);
      if (!writes) return;
      const platforms = merged(usable?.platforms ?? [], built);
      if (canonicalJson(platforms) !== canonicalJson(usable?.platforms ?? [])) {
        await writeLockFile(path, { request, platforms });
      }
    },
  };
}

export function requestOf({ producer, release, options }: Omit<Asked, "sourceDateEpoch">): LockRequest {
  // What JSON does not keep (undefined) must not make a difference later.
  const plain = JSON.parse(JSON.stringify(options)) as Record<string, unknown>;
  return { producer: producer.name, release: release ?? null, options: plain };
}

export function resolveFor(asked: Asked, platform: Platform, context: Context): Promise<Lock> {
  const { producer, release, options, sourceDateEpoch } = asked;
  const spec = release === undefined ? producer.name : `${producer.name}:${release}`;
  return step(context, `resolving ${printable(spec)} for ${formatPlatform(platform)}`, () =>
    producer.resolve({ release, platform, sourceDateEpoch, options }, context),
  );
}

export function isSame(one: Platform, other: Platform): boolean {
  return formatPlatform(one) === formatPlatform(other);
}

/** Whether the file answers the request; nobody asked for it by name when it does not. */
function fits(
  file: LockFile,
  { path, request }: { readonly path: string; readonly request: LockRequest },
  { reporter }: Context,
): boolean {
  const [difference] = requestDifferences(file.request, request);
  const message =
    difference === undefined
      ? `using ${printable(path)}`
      : `${printable(path)} is not used: it is the lock of another request (${difference})`;
  reporter.emit({ type: "noted", message });
  return difference === undefined;
}

/** A time given for this build counts; the lock's is that of its newest input. */
function withEpoch(lock: Lock, epoch: number | undefined): Lock {
  return epoch === undefined ? lock : { ...lock, sourceDateEpoch: epoch };
}

/** The same settings and inputs that give another image are worth a word. */
function warnIfOther({ lock, built }: LockedPlatform, file: LockFile | undefined, { reporter }: Context): void {
  const before = file?.platforms.find((each) => isSame(each.lock.platform, lock.platform))?.built;
  if (before === undefined || built === undefined || before.config === built.config) return;
  if (canonicalJson(withoutCompression(before)) !== canonicalJson(withoutCompression(built))) return;
  reporter.emit({
    type: "warned",
    code: "LOCK_RESULT_DIFFERS",
    message: `the image for ${formatPlatform(lock.platform)} is not the one the lock records: expected ${before.config}, got ${built.config}; base-kit verify tells what differs`,
  });
}

function withoutCompression({ settings }: BuiltImage): Record<string, unknown> {
  const { compression: _, compressor: __, ...rest } = settings;
  return rest;
}

/** What was there, with what is new in its place; an image that is only compressed in another way is not new. */
function merged(before: readonly LockedPlatform[], built: readonly LockedPlatform[]): readonly LockedPlatform[] {
  const others = before.filter(({ lock }) => !built.some((each) => isSame(each.lock.platform, lock.platform)));
  const taken = built.map((each) => {
    const old = before.find(({ lock }) => isSame(lock.platform, each.lock.platform));
    if (old === undefined) return each;
    // The lock's own time stays: the one of this build is among its settings.
    const record = old.built !== undefined && old.built.config === each.built?.config ? old.built : each.built;
    return { lock: old.lock, ...(record === undefined ? {} : { built: record }) };
  });
  return [...others, ...taken].sort((a, b) =>
    formatPlatform(a.lock.platform) < formatPlatform(b.lock.platform) ? -1 : 1,
  );
}

function missing(path: string): BaseKitError {
  return new BaseKitError("LOCK_MISSING", `--frozen-lockfile needs a lock, and there is no ${printable(path)}`, {
    kind: "usage",
    hint: "Make it with `base-kit lock`, or the same command with --lockfile, and keep it beside the sources. Nothing was fetched.",
  });
}

function platformMissing(path: string, platform: Platform): BaseKitError {
  return new BaseKitError(
    "LOCK_PLATFORM_MISSING",
    `${printable(path)} has no inputs for ${formatPlatform(platform)}, and --frozen-lockfile forbids to choose them`,
    { kind: "usage", hint: `Add them with \`base-kit lock --arch ${platform.architecture}\`. Nothing was fetched.` },
  );
}
