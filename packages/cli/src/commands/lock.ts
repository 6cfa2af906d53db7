import {
  type Context,
  canonicalJson,
  formatPlatform,
  hostPlatform,
  isBaseKitError,
  type Lock,
  type LockedInput,
  type LockedPlatform,
  type LockFile,
  parsePlatform,
  requestDifferences,
} from "@base-kit/core";
import { LOCK_NAME, readLockFile, requireLockPlace, requireSameRequest, writeLockFile } from "../lock-store.ts";
import { type Asked, isSame, requestOf, resolveFor } from "../locking.ts";
import { type ProducerFlags, producerOptions } from "../options/producer.ts";
import { sourceDateEpoch } from "../options/source-date-epoch.ts";
import { loadProducer, parseProducerSpec } from "../producers.ts";
import { requireNoRollback } from "../rollback.ts";
import { requireVendorPlace, type Vendored, vendorInputs } from "../vendor-inputs.ts";

export interface LockCommandFlags extends ProducerFlags {
  readonly arch?: readonly string[];
  readonly lockfile?: string;
  readonly update?: boolean;
  readonly vendor?: string;
  readonly sourceDateEpoch?: string;
}

export interface LockResult {
  readonly file: string;
  readonly changed: boolean;
  readonly platforms: readonly {
    readonly platform: string;
    readonly inputs: number;
    /** By name. */
    readonly added: readonly string[];
    readonly removed: readonly string[];
    /** There under the same name, with other bytes. */
    readonly changed: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  }[];
  readonly vendored?: Vendored;
}

/** `base-kit lock <producer>[:<release>]`: decides the inputs and writes them down, without building anything. */
export async function lock(spec: string, flags: LockCommandFlags, context: Context): Promise<LockResult> {
  const { name, release } = parseProducerSpec(spec);
  const producer = await loadProducer(name);
  const asked: Asked = {
    producer,
    release,
    options: await producerOptions(producer, flags),
    sourceDateEpoch: sourceDateEpoch(flags.sourceDateEpoch, context.env),
  };
  const file = flags.lockfile ?? LOCK_NAME;
  const request = requestOf(asked);
  const before = await readOldLock(file, flags, context);
  await requireLockPlace(file);
  if (flags.vendor !== undefined) requireVendorPlace(flags.vendor);
  if (before !== undefined && flags.update !== true) requireSameRequest(file, before, request);
  const platforms = flags.arch?.map(parsePlatform) ?? before?.platforms.map((each) => each.lock.platform);
  const wanted = platforms === undefined || platforms.length === 0 ? [hostPlatform()] : platforms;

  const kept = keptOf(before, request, flags.update === true ? wanted : []);
  const resolved: LockedPlatform[] = [];
  for (const platform of wanted) {
    if (kept.some((each) => isSame(each.lock.platform, platform))) continue;
    if (resolved.some((each) => isSame(each.lock.platform, platform))) continue;
    const made = await resolveFor(asked, platform, context);
    requireNoRollback(made, { file, before });
    resolved.push(withRecord(made, before));
  }
  const after = { request, platforms: [...kept, ...resolved].sort(byPlatform) };
  const changed = before === undefined || canonicalJson(before) !== canonicalJson(after);
  if (changed) await writeLockFile(file, after);
  const vendored = flags.vendor === undefined ? undefined : await vendorInputs(flags.vendor, after, context);
  return {
    file,
    changed,
    platforms: after.platforms.map((each) => compare(before, each)),
    ...(vendored === undefined ? {} : { vendored }),
  };
}

/** An update does not need the old file; it only tells what was in it. */
async function readOldLock(
  file: string,
  { update }: LockCommandFlags,
  { reporter }: Context,
): Promise<LockFile | undefined> {
  try {
    return await readLockFile(file);
  } catch (error) {
    if (update !== true || !isBaseKitError(error) || error.code !== "LOCK_INVALID") throw error;
    reporter.emit({ type: "warned", code: "LOCK_REPLACED", message: `${error.message}; it is written anew` });
    return undefined;
  }
}

/** What stays as it is: the platforms nobody wants anew, unless the request is another. */
function keptOf(
  before: LockFile | undefined,
  request: LockFile["request"],
  anew: readonly LockedPlatform["lock"]["platform"][],
): readonly LockedPlatform[] {
  if (before === undefined || requestDifferences(before.request, request).length > 0) return [];
  return before.platforms.filter(({ lock: { platform } }) => !anew.some((each) => isSame(each, platform)));
}

/** The record of the last build stays with the inputs it was made of. */
function withRecord(made: Lock, before: LockFile | undefined): LockedPlatform {
  const old = before?.platforms.find(({ lock: { platform } }) => isSame(platform, made.platform));
  const same = old !== undefined && canonicalJson(old.lock) === canonicalJson(made);
  return same ? old : { lock: made };
}

function byPlatform(a: LockedPlatform, b: LockedPlatform): number {
  return formatPlatform(a.lock.platform) < formatPlatform(b.lock.platform) ? -1 : 1;
}

function compare(before: LockFile | undefined, { lock: made }: LockedPlatform): LockResult["platforms"][number] {
  const old = before?.platforms.find(({ lock: { platform } }) => isSame(platform, made.platform))?.lock.inputs ?? [];
  const was = new Map(old.map((input) => [input.name, input]));
  const is = new Map(made.inputs.map((input) => [input.name, input]));
  return {
    platform: formatPlatform(made.platform),
    inputs: made.inputs.length,
    added: [...is.keys()].filter((each) => !was.has(each)),
    removed: [...was.keys()].filter((each) => !is.has(each)),
    changed: [...is].flatMap(([name, input]) => {
      const before = was.get(name);
      if (before === undefined || canonicalJson(before) === canonicalJson(input)) return [];
      return [{ name, before: versionOf(before), after: versionOf(input) }];
    }),
  };
}

/** What people know a file's state by: its version, else the beginning of its digest. */
function versionOf({ facts, sha256 }: LockedInput): string {
  return facts?.["version"] ?? sha256?.slice(0, 12) ?? "unknown";
}
